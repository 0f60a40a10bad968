#include "kernels/stream/stream_body.h"

namespace cycloid::kernels {

void stream_read_avx2(const StreamArgs& args) { stream_read(args); }
void stream_copy_avx2(const StreamArgs& args) { stream_copy(args); }

}  // namespace cycloid::kernels

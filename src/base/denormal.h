// Subnormal floats are tens of times slower to compute with on many processors; a thread can have them read and
// written as zero instead.
#pragma once

namespace cycloid {

// While it lives, the thread that made it treats subnormal floats as zero (flush-to-zero and denormals-are-zero); the
// thread's former setting comes back at the end. Does nothing when `on` is false or on processors without such modes.
class FlushDenormals {
 public:
  explicit FlushDenormals(bool on = true);
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long long former_ = 0;
  bool changed_ = false;
};

// Whether the calling thread flushes subnormal floats now.
bool denormals_flushed();

}  // namespace cycloid

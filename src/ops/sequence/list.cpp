#include "ops/sequence/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_sequence_ops(OpList& list) {
  list.insert(list.end(), {
                              &kConcatFromSequence,
                              &kOptional,
                              &kOptionalGetElement,
                              &kOptionalHasElement,
                              &kSequenceAt,
                              &kSequenceConstruct,
                              &kSequenceEmpty,
                              &kSequenceErase,
                              &kSequenceInsert,
                              &kSequenceLength,
                              &kSplitToSequence,
                          });
}

}  // namespace cycloid

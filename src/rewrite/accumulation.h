// Accumulations: values that a loop carries along only to put something of every iteration to them.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/batching/batcher.h"
#include "rewrite/loop_form.h"

namespace cycloid {

// acc = acc + f(i) and the like, where nothing else uses acc.
struct Accumulation {
  enum class Kind { kSum, kProduct, kMax, kMin, kConcat, kSequence, kRows };
  struct Term {
    ValueId value;          // of the body
    bool negative = false;  // acc - f(i)
  };
  Kind kind = Kind::kSum;
  std::vector<Term> terms;  // one for kConcat and kSequence; for kRows the indices and the updates of a ScatterND
  std::int64_t axis = 0;    // kConcat; may be negative
  ValueId first;            // of the outer graph
  ValueId last;             // of the outer graph
};

std::optional<Accumulation> find_accumulation(const RuleContext& context, const Graph& body,
                                              const LoopForm::Carried& carried);

// Replaces what is left after the last iteration by a reduction over all; its terms' lanes must be known. False: shapes or
// types are not such that it can.
bool finish_accumulation(Batcher& batcher, const Accumulation& accumulation);

// A tensor of this rank with its first axis moved to `axis`.
Patch::Ref front_to(Batcher& batcher, const Patch::Ref& x, std::int64_t axis, std::int64_t rank);

}  // namespace cycloid

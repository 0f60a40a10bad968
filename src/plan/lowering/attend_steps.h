// The steps of attention: the cache of keys or values, and the attention over it.
#pragma once

#include <optional>

#include "kernels/attend/attend.h"
#include "plan/lowering/rotary.h"

namespace cycloid {

// How many keys of each sequence count, where that is known in the run only.
struct Lengths {
  enum class Kind {
    kValid,  // int64: so many of the keys
    kLast,   // int32: the index of the last one, where the queries are the last ones of their sequence
  };
  Kind kind = Kind::kValid;
  Place place;
  std::int64_t keys = 0;     // that there are
  std::int64_t past = 0;     // kLast: of these, what was there before the run
  std::int64_t queries = 0;  // kLast
  bool prompt = false;       // kLast: nothing comes before the queries

  struct Range {
    std::int64_t valid = 0;   // keys of the sequence
    std::int64_t before = 0;  // keys before its first query
  };
  // Of sequence b; nothing, and the run has failed, where what is given is outside its bounds.
  std::optional<Range> get(const StepContext& context, std::int64_t b) const;
};

// Copies the past of each head, then its new rows, then zeros: to (batch, head, room, size).
struct Caching {
  std::optional<Place> past;  // (batch, head, past_length, size)
  std::int64_t past_length = 0;
  Place now, to;
  HeadSteps now_at;
  std::int64_t batch = 0, heads = 0, length = 0, room = 0, size = 0;
  std::optional<Lengths> lengths;  // without: all of the past counts
  // Turns the new rows by their positions' angles.
  std::optional<Place> cosines, sines;
  std::int64_t half = 0, table_rows = 0;
  bool interleaved = false;
};
// `to` may be queries that are only turned: then `room` is their length, there is no past, and positions are those after
// what comes before.
void add_caching(Lowering& lowering, NodeId id, Caching caching);

struct Attending {
  Place q, k, v, y;
  HeadSteps q_at, k_at, v_at, y_at;
  std::int64_t batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, size = 0, v_size = 0;
  std::int64_t before = 0;  // keys before the first query, without lengths
  std::optional<Lengths> lengths;
  bool causal = false;
  std::int64_t left_window = -1, right_window = -1;  // keys seen to either side; -1: all
  float scale = 1, softcap = 0;
  // Added to the scores: float32, or bool where false is -infinity. Steps are 0 where it is broadcast.
  std::optional<Place> mask;
  HeadSteps mask_at;
  std::int64_t mask_keys = 0;  // of a row; there are no keys beyond
};
void add_attending(Lowering& lowering, NodeId id, Attending attending);

}  // namespace cycloid

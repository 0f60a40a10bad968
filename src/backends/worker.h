// The worker's side of backends/README.md.
#pragma once

#include "backends/backend.h"

namespace cycloid {

// Moves standard output to standard error and standard input to /dev/null, then serves requests from what was standard
// input, until "quit" or end of file. Gives the exit code. Call it before anything else prints or starts a thread.
int serve_worker(const Backend& backend);

// The same on any two descriptors, which stay open.
int serve_requests(const Backend& backend, int requests, int replies);

// Waits until no other thread of this process computes (frameworks' threads spin for a while after a run), at most
// `limit_ms`; gives whether they came to rest. Costs a few milliseconds.
bool wait_for_threads_to_rest(int limit_ms);

}  // namespace cycloid

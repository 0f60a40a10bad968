// Ctrl-C as an event instead of the end: while one of these lives, SIGINT and SIGTERM wait in a descriptor.
#pragma once

#include <signal.h>

namespace cycloid {

// Blocks both signals in the calling thread (and in threads and processes it starts meanwhile; workers unblock them).
// One at a time, used by one thread. A signal that came stays seen until the object goes, which takes it.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  int fd() const { return fd_; }  // readable once a signal has come; -1 where the system gave none
  bool interrupted() const;

 private:
  sigset_t before_;
  int fd_ = -1;
};

}  // namespace cycloid

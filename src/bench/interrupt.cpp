#include "bench/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace cycloid {

InterruptScope::InterruptScope() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  fd_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

InterruptScope::~InterruptScope() {
  signalfd_siginfo taken;
  while (fd_ >= 0 && ::read(fd_, &taken, sizeof taken) == sizeof taken) {
  }
  if (fd_ >= 0) ::close(fd_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool InterruptScope::interrupted() const {
  pollfd waiting{fd_, POLLIN, 0};
  return fd_ >= 0 && ::poll(&waiting, 1, 0) == 1;
}

}  // namespace cycloid

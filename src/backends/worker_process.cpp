#include "backends/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace cycloid {
namespace {

using std::chrono::steady_clock;

// A reply of a million samples takes about 10 MB.
constexpr std::size_t kMaxReply = std::size_t{1} << 30;
constexpr auto kGrace = std::chrono::seconds(2);

Error system_error(std::string_view what) {
  return make_error(ErrorCode::kFailed, "cannot start a worker process: {}: {}", what, std::strerror(errno));
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// Only async-signal-safe calls: the parent may have threads.
[[noreturn]] void become_worker(int in, int out, int err, int failed, pid_t parent, char* const* argv,
                                char* const* envp) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before prctl
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0) ::execvpe(argv[0], argv, envp);
  const int code = errno;
  [[maybe_unused]] const ssize_t ignored = ::write(failed, &code, sizeof code);
  ::_exit(127);
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!extra.contains(std::string(text.substr(0, text.find('='))))) entries.emplace_back(text);
  }
  for (const auto& [name, value] : extra) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string signal_text(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return fmt::format("signal {} (SIG{}, {})", signal, name == nullptr ? "?" : name, ::strsignal(signal));
}

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const WorkerCommand& command) {
  CYCLOID_CHECK(!command.argv.empty());
  std::unique_ptr<WorkerProcess> process(new WorkerProcess);
  process->interrupt_ = command.interrupt_fd;
  // A socket for the requests: send() can be told not to raise SIGPIPE when the worker is gone; write() to a pipe
  // cannot.
  int requests[2];
  int replies[2];
  int failed[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests) != 0) return system_error("socketpair");
  process->requests_ = requests[0];
  int child_in = requests[1];
  const auto pipe_failed = [&] {
    const Error error = system_error("pipe");
    close_fd(child_in);
    return error;
  };
  if (::pipe2(replies, O_CLOEXEC) != 0) return pipe_failed();
  process->replies_ = replies[0];
  int child_out = replies[1];
  process->errors_ = ::memfd_create("worker-stderr", MFD_CLOEXEC);
  if (process->errors_ < 0 || ::pipe2(failed, O_CLOEXEC) != 0) {
    const Error error = pipe_failed();
    close_fd(child_out);
    return error;
  }
  ::fcntl(process->replies_, F_SETFL, O_NONBLOCK);
  ::fcntl(process->requests_, F_SETFL, O_NONBLOCK);
  ::fcntl(process->errors_, F_SETFL, O_APPEND);

  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment = merged_environment(command.environment);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(environment);
  const pid_t parent = ::getpid();
  process->pid_ = ::fork();
  if (process->pid_ == 0)
    become_worker(child_in, child_out, process->errors_, failed[1], parent, argv.data(), envp.data());
  const int fork_error = errno;
  close_fd(child_in);
  close_fd(child_out);
  close_fd(failed[1]);
  int code = 0;
  ssize_t n = 0;
  do {
    n = process->pid_ < 0 ? 0 : ::read(failed[0], &code, sizeof code);  // ends when exec has closed the other end
  } while (n < 0 && errno == EINTR);
  close_fd(failed[0]);
  if (process->pid_ < 0) {
    errno = fork_error;
    return system_error("fork");
  }
  ::setpgid(process->pid_, process->pid_);  // the child does so too; whichever comes first
  if (n == sizeof code) {
    return make_error(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kFailed, "cannot start '{}': {}",
                      command.argv[0], std::strerror(code));
  }
  return process;
}

WorkerProcess::~WorkerProcess() {
  kill_group();
  close_fd(requests_);
  close_fd(replies_);
  close_fd(errors_);
}

void WorkerProcess::kill_group() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // should the group not exist yet
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::string WorkerProcess::last_words() const {
  std::string text(4096, '\0');
  const off_t size = ::lseek(errors_, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(text.size()));
  const ssize_t n = ::pread(errors_, text.data(), text.size(), from);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!text.empty() && std::strchr("\n\r\t ", text.back()) != nullptr) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  constexpr std::size_t kMax = 300;
  if (text.size() > kMax) text = "..." + text.substr(text.size() - kMax);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text.empty() ? "" : "; it last said: " + text;
}

Error WorkerProcess::ended(std::string_view what) {
  int status = 0;
  pid_t reaped = 0;
  const auto until = steady_clock::now() + kGrace;  // it closed its output; now it should end
  while ((reaped = ::waitpid(pid_, &status, WNOHANG)) == 0 && steady_clock::now() < until) ::usleep(1000);
  if (reaped != pid_) {
    kill_group();
    return make_error(ErrorCode::kFailed, "the worker closed its output during '{}'{}", what, last_words());
  }
  ::kill(-pid_, SIGKILL);  // what it may have started
  pid_ = -1;
  if (WIFSIGNALED(status)) {
    return make_error(ErrorCode::kFailed, "the worker crashed with {} during '{}'{}", signal_text(WTERMSIG(status)),
                      what, last_words());
  }
  return make_error(ErrorCode::kFailed, "the worker exited with status {} during '{}'{}", WEXITSTATUS(status), what,
                    last_words());
}

Status WorkerProcess::wait(int fd, short events, std::string_view what, Deadline deadline, Worker::Limit limit) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) {
      kill_group();
      return make_error(ErrorCode::kResourceExhausted,
                        "the worker gave no answer to '{}' within {:g} s (time limit) and was killed{}", what,
                        limit.count(), last_words());
    }
    pollfd fds[2] = {{fd, events, 0}, {interrupt_, POLLIN, 0}};
    const int ready = ::poll(fds, interrupt_ >= 0 ? 2 : 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) {
      kill_group();
      return make_error(ErrorCode::kFailed, "poll: {}", std::strerror(errno));
    }
    if (ready > 0 && interrupt_ >= 0 && fds[1].revents != 0) {
      kill_group();
      return make_error(ErrorCode::kFailed, "interrupted");
    }
    if (ready > 0 && fds[0].revents != 0) return {};
  }
}

Status WorkerProcess::send(std::string_view line, std::string_view what, Deadline deadline, Worker::Limit limit) {
  const std::string text = std::string(line) + "\n";
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n = ::send(requests_, left.data(), left.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      left.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      CYCLOID_TRY(wait(requests_, POLLOUT, what, deadline, limit));
    } else if (errno != EINTR) {
      return ended(what);
    }
  }
  return {};
}

Result<std::string> WorkerProcess::receive(std::string_view what, Deadline deadline, Worker::Limit limit) {
  std::size_t searched = 0;
  std::vector<char> buffer(std::size_t{1} << 16);
  for (;;) {
    const std::size_t end = received_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    searched = received_.size();
    if (searched > kMaxReply) {
      kill_group();
      return make_error(ErrorCode::kFailed,
                        "the worker's answer to '{}' has no end and was cut at {} bytes; it was killed", what,
                        searched);
    }
    CYCLOID_TRY(wait(replies_, POLLIN, what, deadline, limit));
    const ssize_t n = ::read(replies_, buffer.data(), buffer.size());
    if (n > 0) received_.append(buffer.data(), static_cast<std::size_t>(n));
    if (n == 0) return ended(what);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return ended(what);
  }
}

Result<std::string> WorkerProcess::ask(std::string_view line, std::string_view what, Worker::Limit limit) {
  CYCLOID_CHECK(pid_ >= 0);
  const auto deadline = steady_clock::now() + std::chrono::ceil<steady_clock::duration>(limit);
  CYCLOID_TRY(send(line, what, deadline, limit));
  return receive(what, deadline, limit);
}

Status WorkerProcess::finish(std::string_view line, Worker::Limit limit) {
  if (pid_ < 0) return {};
  const auto deadline = steady_clock::now() + std::chrono::ceil<steady_clock::duration>(limit);
  CYCLOID_TRY(send(line, "quit", deadline, limit));
  close_fd(requests_);
  int status = 0;
  pid_t reaped = 0;
  while ((reaped = ::waitpid(pid_, &status, WNOHANG)) == 0) {
    if (steady_clock::now() >= deadline) {
      kill_group();
      return make_error(ErrorCode::kResourceExhausted, "the worker did not end within {:g} s of 'quit' and was killed",
                        limit.count());
    }
    ::usleep(500);
  }
  ::kill(-pid_, SIGKILL);
  pid_ = -1;
  if (reaped > 0 && WIFSIGNALED(status)) {
    return make_error(ErrorCode::kFailed, "the worker crashed with {} during 'quit'{}", signal_text(WTERMSIG(status)),
                      last_words());
  }
  if (reaped > 0 && WEXITSTATUS(status) != 0) {
    return make_error(ErrorCode::kFailed, "the worker exited with status {} after 'quit'{}", WEXITSTATUS(status),
                      last_words());
  }
  return {};
}

}  // namespace cycloid

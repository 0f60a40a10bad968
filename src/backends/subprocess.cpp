#include "backends/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

extern char** environ;

namespace cycloid {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxErrorBytes = 16384;

class Pipe {
 public:
  Pipe() { ok_ = ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  bool ok() const { return ok_; }
  int end(std::size_t i) const { return ends_[i]; }
  void close_end(std::size_t i) {
    if (ends_[i] >= 0) ::close(ends_[i]);
    ends_[i] = -1;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
  bool ok_ = false;
};

Result<pid_t> spawn(const std::vector<std::string>& command, const Pipe& out, const Pipe& error) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.end(1), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error.end(1), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  pid_t pid = 0;
  const int failure = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    return make_error(ErrorCode::kNotFound, "cannot start '{}': {}", command[0], std::strerror(failure));
  }
  return pid;
}

// Appends what is ready to `text`; false at the end of the stream.
bool drain(int fd, std::string& text) {
  char chunk[16384];
  const ssize_t n = ::read(fd, chunk, sizeof chunk);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  text.append(chunk, static_cast<std::size_t>(n));
  return n > 0;
}

// Reads both streams to their ends; false when the deadline comes first.
bool read_streams(Pipe& out, Pipe& error, Clock::time_point deadline, ProgramOutput& result) {
  while (out.end(0) >= 0 || error.end(0) >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> fds = {pollfd{out.end(0), POLLIN, 0}, pollfd{error.end(0), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(std::min<long long>(left, 1000))) < 0 && errno != EINTR)
      return false;
    if (fds[0].revents != 0 && !drain(out.end(0), result.out)) out.close_end(0);
    if (fds[1].revents != 0 && !drain(error.end(0), result.error)) error.close_end(0);
    if (result.error.size() > 2 * kMaxErrorBytes) result.error.erase(0, result.error.size() - kMaxErrorBytes);
  }
  return true;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ProgramOutput> run_program(const std::vector<std::string>& command, std::chrono::seconds limit) {
  Pipe out;
  Pipe error;
  if (!out.ok() || !error.ok()) return Error(ErrorCode::kResourceExhausted, "cannot make a pipe");
  CYCLOID_ASSIGN(const pid_t pid, spawn(command, out, error));
  out.close_end(1);
  error.close_end(1);
  ProgramOutput result;
  if (!read_streams(out, error, Clock::now() + limit, result)) {
    ::kill(-pid, SIGKILL);
    wait_for(pid);
    return make_error(ErrorCode::kResourceExhausted, "'{}' did not end within {} s", command[0], limit.count());
  }
  result.exit_code = wait_for(pid);
  return result;
}

}  // namespace cycloid

#include "backends/worker.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "backends/file_names.h"
#include "base/error.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxRequestBytes = std::size_t{64} << 20;
constexpr std::int64_t kMaxLoops = 10'000'000;
// Longer than any framework's spin before it blocks: OpenMP's is 0.2 s at most (GOMP_SPINCOUNT's default, Intel's
// KMP_BLOCKTIME).
constexpr int kRestLimitMs = 400;

// Of each thread by its own clock. The process's clock knows of a thread that is running on another processor only what it
// had at the last tick, up to 4 or 10 ms ago: a spinning one seems at rest in between.
std::int64_t cpu_time_ns() {
  std::int64_t sum = 0;
  std::error_code failure;
  for (std::filesystem::directory_iterator at("/proc/self/task", failure), end; !failure && at != end;
       at.increment(failure)) {
    const long thread = std::strtol(at->path().filename().c_str(), nullptr, 10);
    // The kernel's number for the processor time of a thread (CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED).
    const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3) | 6);
    timespec t{};
    if (clock_gettime(clock, &t) == 0) sum += t.tv_sec * 1'000'000'000LL + t.tv_nsec;
  }
  return sum;
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Result<NamedTensor> read_input(const Json& spec) {
  const std::string name = spec.at("name");
  const std::string path = spec.at("path");
  const std::string dtype_name = spec.at("dtype");
  std::optional<DType> dtype = parse_dtype(dtype_name);
  if (!dtype) return invalid_argument("input '{}': unknown dtype '{}'", name, dtype_name);
  Result<Tensor> tensor = read_npy(path, *dtype);
  if (!tensor) return tensor.error().in(fmt::format("input '{}'", name));
  const auto shape = spec.at("shape").get<std::vector<std::int64_t>>();
  if (tensor->dtype() != *dtype ||
      !std::equal(shape.begin(), shape.end(), tensor->dims().begin(), tensor->dims().end())) {
    return invalid_argument("input '{}': {} holds {}[{}], the request says {}[{}]", name, path,
                            to_string(tensor->dtype()), fmt::join(tensor->dims(), ","), dtype_name,
                            fmt::join(shape, ","));
  }
  return NamedTensor{name, *std::move(tensor)};
}

Result<LoadRequest> parse_load(const Json& request) {
  LoadRequest load;
  load.model = request.value("model", "");
  CYCLOID_ASSIGN(load.form, parse_form(request.value("form", "none")));
  load.threads = request.value("threads", 1);
  if (load.threads < 1 || load.threads > 4096)
    return invalid_argument("threads is {}; it must be 1 to 4096", load.threads);
  load.options = request.value("options", std::map<std::string, std::string>());
  for (const Json& spec : request.value("inputs", Json::array())) {
    CYCLOID_ASSIGN(NamedTensor input, read_input(spec));
    load.inputs.push_back(std::move(input));
  }
  return load;
}

// Of this program alone: the system's ru_maxrss counts what the program that started it held before, too.
double peak_rss_mb(const rusage& usage) {
  constexpr double kKibInMb = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / kKibInMb;
  }
  return static_cast<double>(usage.ru_maxrss) / kKibInMb;
}

class Requests {
 public:
  explicit Requests(const Backend& backend) : backend_(backend) {}

  // The reply to one request; errors of the framework and of the caller alike are replies.
  Json serve(const std::string& line) {
    Result<Json> reply = Error(ErrorCode::kFailed, "no reply");
    try {
      reply = dispatch(Json::parse(line));
    } catch (const Json::exception& e) {
      reply = invalid_argument("the request is not understood: {}", e.what());
    } catch (const std::bad_alloc&) {
      reply = Error(ErrorCode::kResourceExhausted, "out of memory");
    } catch (const std::exception& e) {
      reply = Error(ErrorCode::kFailed, e.what());
    }
    if (!reply) return {{"ok", false}, {"code", to_string(reply.error().code())}, {"message", reply.error().message()}};
    (*reply)["ok"] = true;
    return *reply;
  }

  bool quit() const { return quit_; }

 private:
  Result<Json> dispatch(const Json& request) {
    const std::string op = request.at("op");
    if (op == "load") return load(request);
    if (op == "run") return run(request);
    if (op == "outputs") return outputs(request);
    if (op == "status") return status();
    if (op == "quit") {
      quit_ = true;
      return Json::object();
    }
    return invalid_argument("unknown request '{}'; a worker knows load, run, outputs, status and quit", op);
  }

  Result<Json> load(const Json& request) {
    session_.reset();
    has_run_ = false;
    Probe probe = backend_.probe();
    if (!probe.available) {
      return make_error(ErrorCode::kUnavailable, "{}{}", probe.reason,
                        probe.remedy.empty() ? "" : "; to make it available: " + probe.remedy);
    }
    CYCLOID_ASSIGN(LoadRequest load, parse_load(request));
    const auto start = std::chrono::steady_clock::now();
    CYCLOID_ASSIGN(session_, backend_.load(load));
    const double load_ms = milliseconds_since(start);
    wait_for_threads_to_rest(kRestLimitMs);
    return Json{{"version", probe.version}, {"settings", session_->settings()}, {"load_ms", load_ms}};
  }

  Result<Json> run(const Json& request) {
    if (!session_) return invalid_argument("no model is loaded");
    const std::int64_t loops = request.at("loops");
    if (loops < 1 || loops > kMaxLoops) return invalid_argument("loops is {}; it must be 1 to {}", loops, kMaxLoops);
    std::vector<std::int64_t> samples(static_cast<std::size_t>(loops));
    for (std::int64_t& sample : samples) {
      session_->discard_outputs();
      const auto start = std::chrono::steady_clock::now();
      Status status = session_->run();
      sample = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
      if (!status) return status.error();
    }
    has_run_ = true;
    const bool at_rest = wait_for_threads_to_rest(kRestLimitMs);
    return Json{{"samples_ns", samples}, {"at_rest", at_rest}};
  }

  Result<Json> outputs(const Json& request) {
    if (!session_ || !has_run_) return invalid_argument("nothing has been run yet");
    const std::string folder = request.at("directory");
    CYCLOID_ASSIGN(std::vector<NamedTensor> tensors, session_->outputs());
    Json list = Json::array();
    std::set<std::string> taken;
    for (const NamedTensor& output : tensors) {
      const std::string path = folder + "/" + unique_file_name(output.name, taken) + ".npy";
      CYCLOID_TRY(write_npy(path, output.tensor).in(fmt::format("output '{}'", output.name)));
      list.push_back({{"name", output.name},
                      {"dtype", to_string(output.tensor.dtype())},
                      {"shape", std::vector<std::int64_t>(output.tensor.dims().begin(), output.tensor.dims().end())},
                      {"path", path}});
    }
    return Json{{"outputs", list}};
  }

  Result<Json> status() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return Json{{"peak_rss_mb", peak_rss_mb(usage)},
                {"minor_faults", usage.ru_minflt},
                {"major_faults", usage.ru_majflt},
                {"voluntary_switches", usage.ru_nvcsw},
                {"involuntary_switches", usage.ru_nivcsw}};
  }

  const Backend& backend_;
  std::unique_ptr<BackendSession> session_;
  bool has_run_ = false;
  bool quit_ = false;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Appends to `buffer` until it has a whole line; false at the end of the stream or past the limit.
bool read_line(int fd, std::string& buffer, std::string& line) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = buffer.find('\n', searched);
    if (end != std::string::npos) {
      line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      return true;
    }
    searched = buffer.size();
    if (searched > kMaxRequestBytes) return false;
    char chunk[65536];
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
  }
}

}  // namespace

bool wait_for_threads_to_rest(int limit_ms) {
  const auto start = std::chrono::steady_clock::now();
  while (milliseconds_since(start) < limit_ms) {
    const auto wall_start = std::chrono::steady_clock::now();
    const std::int64_t cpu_start = cpu_time_ns();
    timespec nap{0, 2'000'000};
    nanosleep(&nap, nullptr);
    const double wall_ns = milliseconds_since(wall_start) * 1e6;
    // A thread that spins takes all of the time, or its share of a busy machine; one at rest takes none.
    if (static_cast<double>(cpu_time_ns() - cpu_start) < 0.05 * wall_ns) return true;
  }
  return false;
}

int serve_requests(const Backend& backend, int requests, int replies) {
  Requests worker(backend);
  std::string buffer;
  std::string line;
  while (!worker.quit() && read_line(requests, buffer, line)) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    // A framework's message may hold bytes that are not UTF-8: replaced, not fatal.
    const std::string reply = worker.serve(line).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    if (!write_all(replies, reply)) return 1;  // the driver is gone
  }
  return 0;
}

int serve_worker(const Backend& backend) {
  const int requests = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  const int replies = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (requests < 0 || replies < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
      dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    std::fputs("cycloid worker: standard input and output must be open\n", stderr);
    return 1;
  }
  return serve_requests(backend, requests, replies);
}

}  // namespace cycloid

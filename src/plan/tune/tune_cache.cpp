#include "plan/tune/tune_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/atomic_file.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/sha256.h"
#include "cycloid/version.h"

namespace cycloid {
namespace {

constexpr std::string_view kFormat = "cycloid.tune/1";
constexpr std::size_t kMaxFile = std::size_t{64} << 20;  // some hundred thousand shapes

std::optional<double> parse_ns(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0) || value > 1e15) return {};
  return value;
}

// The four fields of a line, or nothing.
std::optional<std::pair<std::string, TunedChoice>> parse_line(std::string_view line) {
  std::array<std::string_view, 4> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == fields.size())) return {};
    fields[i] = line.substr(0, tab);
    if (tab != std::string_view::npos) line.remove_prefix(tab + 1);
  }
  const auto ns = parse_ns(fields[2]), default_ns = parse_ns(fields[3]);
  if (fields[0].empty() || fields[1].empty() || !ns || !default_ns) return {};
  return std::pair(std::string(fields[0]), TunedChoice{std::string(fields[1]), *ns, *default_ns});
}

// Held by the process that reads, adds and writes; the system lets it go when the process ends.
class FileLock {
 public:
  explicit FileLock(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace

TuneCache::TuneCache(std::string path, std::string cpu)
    : path_(std::move(path)), head_(fmt::format("{}\t{}", kFormat, cpu)), choices_(read()) {}

const TunedChoice* TuneCache::find(std::string_view key) const {
  const auto found = choices_.find(key);
  return found == choices_.end() ? nullptr : &found->second;
}

void TuneCache::put(const std::string& key, TunedChoice choice) {
  choices_[key] = choice;
  fresh_[key] = std::move(choice);
}

TuneCache::Choices TuneCache::read() const {
  Choices choices;
  const Result<std::string> file = read_file(path_, kMaxFile);
  if (!file) return choices;
  std::string_view rest = *file;
  bool first = true;
  // What follows the last line break is the part of a line.
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (first && line != head_) return choices;
    if (!first) {
      if (auto parsed = parse_line(line)) choices.insert_or_assign(std::move(parsed->first), std::move(parsed->second));
    }
    first = false;
  }
  return choices;
}

Status TuneCache::save() {
  if (fresh_.empty()) return {};
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  if (failed)
    return make_error(ErrorCode::kFailed, "cannot make the folder '{}': {}", folder.string(), failed.message());
  const FileLock lock(path_ + ".lock");
  if (!lock.held()) return make_error(ErrorCode::kFailed, "cannot lock '{}.lock'", path_);
  Choices all = read();
  for (const auto& [key, choice] : fresh_) all.insert_or_assign(key, choice);
  std::string text = head_ + "\n";
  for (const auto& [key, choice] : all)
    text += fmt::format("{}\t{}\t{:.0f}\t{:.0f}\n", key, choice.choice, std::max(1.0, choice.ns),
                        std::max(1.0, choice.default_ns));
  CYCLOID_TRY(write_file_atomically(path_, text));
  fresh_.clear();
  return {};
}

std::string tune_cpu() {
  const CpuInfo& cpu = cpu_info();
  std::string brand = cpu.brand;
  std::replace_if(brand.begin(), brand.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return fmt::format("cycloid {} on {}, {}, L1 {}, L2 {}, L3 {}", version(), brand, to_string(cpu.best_isa),
                     cpu.l1d_bytes, cpu.l2_bytes, cpu.l3_bytes);
}

std::string tune_cache_path() {
  const char* base = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (base != nullptr && *base != '\0') {
    folder = base;
  } else {
    folder = std::filesystem::path(home != nullptr && *home != '\0' ? home : "/tmp") / ".cache";
  }
  return (folder / "cycloid" / "tune" / (sha256(tune_cpu()).substr(0, 16) + ".tsv")).string();
}

}  // namespace cycloid

#include "bench/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/table_report.h"

namespace cycloid {
namespace {

constexpr std::size_t kColumns = 79;       // a narrow terminal; a longer line would wrap and could not be rewritten
constexpr double kShortestInterval = 0.1;  // seconds between rewrites: printing must not become the machine's noise

std::string minutes(double seconds) {
  const int whole = static_cast<int>(std::lround(std::max(0.0, seconds)));
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string plural_threads(int threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }

}  // namespace

void ProgressPrinter::clear() {
  if (shown_) std::fputs("\r\x1b[K", file_);
  if (shown_) std::fflush(file_);
  shown_ = false;
}

void ProgressPrinter::rewrite(const std::string& text) {
  fmt::print(file_, "\r{}\x1b[K", one_line(text, kColumns - 1));
  std::fflush(file_);
  shown_ = true;
  last_shown_ = now_();
}

void ProgressPrinter::line(const std::string& text) {
  clear();
  fmt::print(file_, "{}\n", one_line(text, 2000));
  std::fflush(file_);
}

void ProgressPrinter::stage(const std::string& what) {
  if (tty_) {
    rewrite(what + " ...");
  } else {
    line(what);
  }
}

void ProgressPrinter::progress(const RunProgress& progress) {
  if (progress.phase != RunProgress::Phase::kMeasure) {
    quarter_ = 0;
    rounds_started_ = -1;
    const std::string text = fmt::format("{}: warming up {} ({} of {})", plural_threads(progress.threads),
                                         progress.backend, progress.done, progress.total);
    if (tty_)
      rewrite(text);
    else if (progress.done == 1)
      line(fmt::format("{}: loading and warming up {} workers", plural_threads(progress.threads), progress.total));
    return;
  }
  if (rounds_started_ < 0) rounds_started_ = now_();
  const double share = static_cast<double>(progress.done - 1) / progress.total;
  const double spent = now_() - rounds_started_;
  const std::string left = share > 0.02 ? fmt::format(", {} left", minutes(spent * (1 - share) / share)) : "";
  if (tty_) {
    if (now_() - last_shown_ < kShortestInterval) return;
    const int bar = static_cast<int>(share * 20);
    rewrite(fmt::format("{}: [{}{}] {:3.0f} %{}  {}", plural_threads(progress.threads),
                        std::string(static_cast<std::size_t>(bar), '#'),
                        std::string(static_cast<std::size_t>(20 - bar), '.'), share * 100, left, progress.backend));
  } else if (static_cast<int>(share * 4) > quarter_) {
    quarter_ = static_cast<int>(share * 4);
    line(fmt::format("{}: {} % of the rounds{}", plural_threads(progress.threads), quarter_ * 25, left));
  }
}

}  // namespace cycloid

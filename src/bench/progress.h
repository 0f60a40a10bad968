// Progress of a long measurement for a person: one line that is rewritten on a terminal, few lines elsewhere.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "bench/runner.h"

namespace cycloid {

class ProgressPrinter {
 public:
  // Prints to `file`; `tty` says whether a line can be rewritten; `now` gives seconds.
  ProgressPrinter(std::FILE* file, bool tty, std::function<double()> now)
      : file_(file), tty_(tty), now_(std::move(now)) {}
  ~ProgressPrinter() { clear(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void stage(const std::string& what);
  void progress(const RunProgress& progress);
  // A line that stays.
  void line(const std::string& text);
  // Takes the rewritten line away.
  void clear();

 private:
  void rewrite(const std::string& text);

  std::FILE* file_;
  bool tty_;
  std::function<double()> now_;
  bool shown_ = false;
  double last_shown_ = -1;
  double rounds_started_ = 0;
  int quarter_ = 0;  // the last quarter of the rounds that was said
};

}  // namespace cycloid

// What tuning has measured, in a file that processes share.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace cycloid {

// What was chosen for a shape, and why.
struct TunedChoice {
  std::string choice;     // the tuner's name of a candidate: a kernel and the width of its register tile
  double ns = 0;          // what it took
  double default_ns = 0;  // what the choice by estimate took in the same turns
};

// A text file: a line that says the format and the processor, then lines of key, choice and the two times, with tabs between. A
// file that is not there, is of another format or for another processor is empty; a line that does not read is left
// out. So damage costs measurements, never a session.
class TuneCache {
 public:
  // `cpu` names the processor: one line.
  TuneCache(std::string path, std::string cpu);

  const std::string& path() const { return path_; }
  const TunedChoice* find(std::string_view key) const;
  std::size_t size() const { return choices_.size(); }
  // `key` and the choice are texts without tabs and line breaks.
  void put(const std::string& key, TunedChoice choice);

  // Writes what was put since the last save, beside what other processes have written since: whole, or not at all. Its folder
  // is made. With nothing new it does nothing.
  Status save();

 private:
  using Choices = std::map<std::string, TunedChoice, std::less<>>;
  Choices read() const;

  std::string path_;
  std::string head_;
  Choices choices_;
  Choices fresh_;  // put, and not saved
};

// The file for this processor: $XDG_CACHE_HOME/cycloid/tune/<hash of tune_cpu()>.tsv, or the same in ~/.cache.
std::string tune_cache_path();
// What choices depend on: the library's version, whose kernels they are, and the processor's brand, instruction sets and cache sizes.
// One line.
std::string tune_cpu();

}  // namespace cycloid

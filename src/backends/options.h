// Options of a backend: text in, checked values out. python/cycloid/options.py says the same for Python workers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "cycloid/result.h"

namespace cycloid {

// Every option in force. An OptionInfo whose name ends in '*' ("session.*") admits every name with that beginning.
class Options {
 public:
  // An error names the option or value that `known` does not have, and those it has.
  static Result<Options> resolve(std::string_view backend, const std::vector<OptionInfo>& known,
                                 const std::map<std::string, std::string>& given);

  // Needs a name of `known`.
  const std::string& text(std::string_view name) const;
  bool flag(std::string_view name) const { return text(name) == "true"; }
  // The options admitted by a '*', that beginning removed: {"intra_op.allow_spinning", "0"} of "session.*".
  std::map<std::string, std::string> with_prefix(std::string_view prefix) const;
  const std::map<std::string, std::string>& all() const { return values_; }

 private:
  std::map<std::string, std::string> values_;
};

inline std::vector<std::string> bool_choices() { return {"false", "true"}; }

}  // namespace cycloid

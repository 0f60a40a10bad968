// A check of numbers on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace cycloid {

// Numbers from `lowest` to `highest`; CLI::Range lets NaN pass, which compares as neither below nor above.
CLI::Validator number_from(double lowest, double highest);

}  // namespace cycloid

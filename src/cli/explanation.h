// What an optimisation did, for people.
#pragma once

#include <string>

#include "cycloid/optimize.h"

namespace cycloid {

// Nodes, FLOPs and bytes before and after, how many changes; in what the result agreed with the original.
std::string optimization_summary(const Optimization& optimization);

// Rule by rule: law, reason, how often, what it saves, the first few places. Short for any number of applications.
std::string explanation(const Optimization& optimization);

}  // namespace cycloid

// The ledger of an optimisation as JSON, schema cycloid.ledger/1.
#pragma once

#include <string>

#include "cycloid/optimize.h"

namespace cycloid {

std::string ledger_json(const Optimization& optimization);

}  // namespace cycloid

// The whole public interface.
#pragma once

#include "cycloid/any_value.h"
#include "cycloid/dtype.h"
#include "cycloid/model.h"
#include "cycloid/optimize.h"
#include "cycloid/plan_info.h"
#include "cycloid/result.h"
#include "cycloid/session.h"
#include "cycloid/tensor_view.h"
#include "cycloid/version.h"

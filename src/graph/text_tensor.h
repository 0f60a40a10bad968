// The elements of a tensor in the text form.
#pragma once

#include <string>

#include "cycloid/result.h"
#include "graph/text_lexer.h"
#include "tensor/tensor.h"

namespace cycloid {

// "{1, 2, 3}" as a tensor of this type. The count must fit the dims.
Result<Tensor> parse_tensor(TextLexer& in, DType dtype, const Dims& dims);

// The number as a double; an error where it leaves double.
Result<double> parse_float(TextLexer& in, const std::string& text);

}  // namespace cycloid

// Runs models through the reference evaluation, many in one process: the oracle tests drive it.
//
// A line of the input is one case, tab-separated: the model's path, a folder for the outputs, then one specification for
// each model input: "t:FILE" (a file with a TensorProto), "s:FILE,FILE,..." (a sequence of such), "n" (an optional
// without a value). Output k is written to FOLDER/k.npy, an item of a sequence to FOLDER/k.i.npy. One line answers each
// case: "ok" and for each output "t:DTYPE", "s:DTYPE,DTYPE,..." or "n"; or "error", the code's name and the message.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"
#include "ops/op.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string::npos) return parts;
    start = end + 1;
  }
}

Result<Datum> read_input(const std::string& specification) {
  if (specification == "n") return Datum();
  const std::string files = specification.substr(2);
  if (specification[0] == 't') {
    CYCLOID_ASSIGN(Tensor tensor, onnx::read_tensor_file(files));
    return Datum(std::move(tensor));
  }
  Sequence sequence;
  if (files.empty()) return Datum(std::move(sequence));
  for (const std::string& file : split(files, ',')) {
    CYCLOID_ASSIGN(Tensor tensor, onnx::read_tensor_file(file));
    sequence.items.emplace_back(std::move(tensor));
  }
  return Datum(std::move(sequence));
}

Result<std::string> write_output(const Datum& datum, const std::string& path) {
  if (datum.is_none()) return std::string("n");
  if (const Tensor* tensor = datum.tensor()) {
    CYCLOID_TRY(write_npy(path + ".npy", *tensor));
    return "t:" + std::string(to_string(tensor->dtype()));
  }
  if (datum.sequence() == nullptr) return unsupported("an output is a map");
  std::string line = "s:";
  for (std::size_t i = 0; i < datum.sequence()->items.size(); ++i) {
    CYCLOID_ASSIGN(const std::string item, write_output(datum.sequence()->items[i], path + "." + std::to_string(i)));
    if (i != 0) line += ',';
    line += item.substr(item.find(':') + 1);
  }
  return line;
}

Result<std::string> run(const std::vector<std::string>& fields) {
  if (fields.size() < 2) return invalid_argument("a case needs a model and a folder");
  CYCLOID_ASSIGN(ModelIr model, onnx::import_model(fields[0]));
  CYCLOID_TRY(infer_types(model));
  std::vector<Datum> inputs;
  for (std::size_t i = 2; i < fields.size(); ++i) {
    CYCLOID_ASSIGN(Datum datum, read_input(fields[i]));
    inputs.push_back(std::move(datum));
  }
  const EvaluateLimits limits{.max_bytes = std::size_t{1} << 32, .max_node_runs = 10'000'000, .check_types = true};
  CYCLOID_ASSIGN(const std::vector<Datum> outputs, evaluate(model, inputs, limits));
  std::string line = "ok";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CYCLOID_ASSIGN(const std::string answer, write_output(outputs[i], fields[1] + "/" + std::to_string(i)));
    line += '\t' + answer;
  }
  return line;
}

}  // namespace
}  // namespace cycloid

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--ops") {  // the operators of this build, one a line: domain, name, since
    for (const cycloid::Op* op : cycloid::all_ops()) {
      std::cout << op->domain << '\t' << op->name << '\t' << op->since << '\n';
    }
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto answer = cycloid::run(cycloid::split(line, '\t'));
    if (answer) {
      std::cout << *answer << std::endl;
    } else {
      std::cout << "error\t" << to_string(answer.error().code()) << '\t' << answer.error().message() << std::endl;
    }
  }
  return 0;
}

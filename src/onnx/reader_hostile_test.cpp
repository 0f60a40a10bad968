// Files that are broken or mean harm: each is an error that says what and where.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <protozero/pbf_writer.hpp>

#include "base/atomic_file.h"
#include "base/temporary_folder.h"
#include "graph/text.h"
#include "onnx/reader.h"
#include "onnx/writer.h"

namespace cycloid::onnx {
namespace {

using Writer = protozero::pbf_writer;
using Fill = std::function<void(Writer&)>;

std::string message(const Fill& fill) {
  std::string bytes;
  Writer writer(bytes);
  fill(writer);
  return bytes;
}

// A model of opset 21 whose graph `fill` writes.
std::string model_of(const Fill& fill) {
  return message([&](Writer& model) {
    model.add_int64(1, 8);
    model.add_message(7, message(fill));
    model.add_message(8, message([](Writer& opset) { opset.add_int64(2, 21); }));
  });
}

std::string node_of(
    const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
    const Fill& more = [](Writer&) {}) {
  return message([&](Writer& node) {
    for (const std::string& input : inputs) node.add_string(1, input);
    for (const std::string& output : outputs) node.add_string(2, output);
    if (!op.empty()) node.add_string(4, op);
    more(node);
  });
}

std::string value_of(const std::string& name) {
  return message([&](Writer& value) { value.add_string(1, name); });
}

std::string tensor_of(const std::vector<std::int64_t>& dims, std::int32_t type, const Fill& data,
                      const std::string& name = "w") {
  return message([&](Writer& tensor) {
    tensor.add_packed_int64(1, dims.begin(), dims.end());
    tensor.add_int32(2, type);
    tensor.add_string(8, name);
    data(tensor);
  });
}

std::string with_tensor(const std::vector<std::int64_t>& dims, std::int32_t type, const Fill& data) {
  return model_of([&](Writer& graph) { graph.add_message(5, tensor_of(dims, type, data)); });
}

std::string error_of(std::string_view bytes) {
  const auto model = read_model(std::as_bytes(std::span(bytes)));
  return model.ok() ? "no error" : model.error().message();
}

testing::AssertionResult says(const std::string& found, const std::string& wanted) {
  if (found.find(wanted) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << found << "' does not say '" << wanted << "'";
}

TEST(HostileReader, RecognisesWhatIsNoModel) {
  EXPECT_TRUE(says(error_of(""), "this is not an ONNX model: it is empty"));
  EXPECT_TRUE(says(error_of("PK\x03\x04rest"), "zip archive"));
  EXPECT_TRUE(says(error_of("\x80\x04\x95pickle"), "Python pickle"));
  EXPECT_TRUE(says(error_of("<!DOCTYPE html><html>"), "HTML page"));
  EXPECT_TRUE(says(error_of("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"));
  EXPECT_TRUE(says(error_of("{\"a\": 1}"), "JSON"));
  EXPECT_TRUE(says(error_of("just some text that is no model at all"), "this is not an ONNX model"));
  EXPECT_TRUE(says(error_of(message([](Writer& m) { m.add_int64(1, 8); })), "it has no graph"));
}

TEST(HostileReader, PathsThatAreNoFile) {
  const auto folder = TemporaryFolder::create();
  ASSERT_TRUE(folder.ok());
  EXPECT_TRUE(says(read_model(folder->path()).error().message(), "it is a folder"));
  EXPECT_EQ(read_model(folder->path() + "/absent.onnx").error().code(), ErrorCode::kNotFound);
}

TEST(HostileReader, EveryTruncationIsAnError) {
  const auto model = parse_model(
      "<ir_version: 8, opset_import: [\"\" : 21]> g (float[2] x, bool c) => (y) <float[2] w = {1, 2}> "
      "{ t = Add(x, w) y = If (c) <then_branch = a () => (r) { r = Neg(t) }, else_branch = b () => (r) { r = Abs(t) }> "
      "}");
  ASSERT_TRUE(model.ok()) << model.error().message();
  const std::string bytes = to_bytes(*model).value();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(read_model(std::as_bytes(std::span(bytes).first(length))).ok()) << length;
  }
}

TEST(HostileReader, Versions) {
  const auto with = [](std::int64_t ir, std::int64_t opset) {
    return message([&](Writer& model) {
      model.add_int64(1, ir);
      model.add_message(7, message([](Writer& graph) { graph.add_string(2, "g"); }));
      if (opset != 0) model.add_message(8, message([&](Writer& to) { to.add_int64(2, opset); }));
    });
  };
  EXPECT_EQ(error_of(with(8, 21)), "no error");
  EXPECT_TRUE(says(error_of(with(99, 21)), "IR version 99, newer than 14"));
  EXPECT_TRUE(says(error_of(with(1, 21)), "IR version 1;"));
  EXPECT_TRUE(says(error_of(with(8, -1)), "imported at version -1"));
  EXPECT_TRUE(says(error_of(with(8, 0)), "imports no operator set"));
}

TEST(HostileReader, Names) {
  const auto graph = [](const std::vector<std::string>& nodes, const std::vector<std::string>& outputs) {
    return model_of([&](Writer& g) {
      for (const std::string& node : nodes) g.add_message(1, node);
      g.add_message(11, value_of("x"));
      for (const std::string& output : outputs) g.add_message(12, value_of(output));
    });
  };
  EXPECT_TRUE(says(error_of(graph({node_of("Neg", {"z"}, {"y"})}, {"y"})),
                   "node 'y' (Neg) uses the value 'z', which nothing defines"));
  EXPECT_TRUE(says(error_of(graph({node_of("Neg", {"x"}, {"y"}), node_of("Abs", {"x"}, {"y"})}, {"y"})),
                   "'y' is defined twice"));
  EXPECT_TRUE(says(error_of(graph({node_of("Neg", {"x"}, {"x"})}, {})), "'x' is defined twice"));
  EXPECT_TRUE(says(error_of(graph({node_of("", {"x"}, {"y"})}, {"y"})), "has no operator"));
  EXPECT_TRUE(says(error_of(graph({}, {"y"})), "its output 'y' is not defined"));
  EXPECT_TRUE(
      says(error_of(graph({node_of("Neg", {"b"}, {"a"}), node_of("Abs", {"a"}, {"b"})}, {"a"})), "is part of a cycle"));
  EXPECT_TRUE(says(error_of(graph({node_of("Neg", {"x"}, {"y\xff"})}, {})), "not UTF-8"));
  // In the wrong order, but no cycle.
  EXPECT_EQ(error_of(graph({node_of("Neg", {"b"}, {"a"}), node_of("Abs", {"x"}, {"b"})}, {"a"})), "no error");
}

TEST(HostileReader, TensorsWhoseSizesLie) {
  const Fill four_bytes = [](Writer& t) { t.add_bytes(9, std::string(4, '\0')); };
  const Fill nothing = [](Writer&) {};
  EXPECT_EQ(error_of(with_tensor({1}, 1, four_bytes)), "no error");
  EXPECT_TRUE(says(error_of(with_tensor({2}, 1, four_bytes)), "tensor 'w': 4 bytes of data do not fit float32[2]"));
  EXPECT_TRUE(says(error_of(with_tensor({-1}, 1, four_bytes)), "negative size or too many elements"));
  EXPECT_TRUE(says(error_of(with_tensor({INT64_MAX, 2}, 1, four_bytes)), "too many elements"));
  EXPECT_TRUE(says(error_of(with_tensor({INT64_MAX}, 1, nothing)), "do not fit shape"));
  EXPECT_TRUE(says(error_of(with_tensor({INT64_MAX}, 11, four_bytes)), "do not fit"));
  EXPECT_TRUE(says(error_of(with_tensor({INT64_MAX / 2 + 1}, 15, four_bytes)), "do not fit"));
  EXPECT_TRUE(says(error_of(with_tensor({1LL << 40}, 8, nothing)), "do not fit shape"));
  EXPECT_TRUE(says(error_of(with_tensor({1}, 99, four_bytes)), "99 is not an element type"));
  EXPECT_TRUE(says(error_of(with_tensor({1}, 0, four_bytes)), "0 is not an element type"));
  EXPECT_TRUE(says(error_of(with_tensor({1}, 27, nothing)), "float6e2m3"));
  EXPECT_TRUE(
      says(error_of(with_tensor({1}, 3, [](Writer& t) { t.add_int32(5, 300); })), "300 is out of the range of int8"));
  EXPECT_TRUE(says(error_of(with_tensor(std::vector<std::int64_t>(100, 1), 1, four_bytes)), "100 dimensions"));
  EXPECT_TRUE(says(error_of(with_tensor({1}, 8, four_bytes)), "strings cannot be stored as raw bytes"));
}

TEST(HostileReader, SparseTensorsAreBounded) {
  const auto sparse = [](std::int64_t size, std::int64_t index) {
    return model_of([&](Writer& graph) {
      graph.add_message(15, message([&](Writer& to) {
                          to.add_message(1, tensor_of({1}, 1, [](Writer& t) { t.add_float(4, 2.5F); }));
                          to.add_message(2, tensor_of({1}, 7, [&](Writer& t) { t.add_int64(7, index); }));
                          to.add_packed_int64(3, &size, &size + 1);
                        }));
      graph.add_message(12, value_of("w"));
    });
  };
  const std::string valid = sparse(4, 2);
  const auto model = read_model(std::as_bytes(std::span(valid)));
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_TRUE(identical(*model->graph.constant(model->graph.outputs()[0]), Tensor::of<float>({4}, {0, 0, 2.5F, 0})));
  EXPECT_TRUE(says(error_of(sparse(4, 4)), "index 4 is out of range"));
  EXPECT_TRUE(says(error_of(sparse(4, -1)), "index -1 is out of range"));
  EXPECT_TRUE(says(error_of(sparse(std::int64_t{1} << 50, 2)), "too large to be made dense"));
}

TEST(HostileReader, DeepNestingIsAnError) {
  std::string graph = message([](Writer& g) { g.add_message(1, node_of("Neg", {"x"}, {"y"})); });
  for (int i = 0; i < 200; ++i) {
    const std::string inner = graph;
    graph = message([&](Writer& g) {
      g.add_message(1, node_of("If", {"x"}, {"y"}, [&](Writer& node) {
                      node.add_message(5, message([&](Writer& attribute) {
                                         attribute.add_string(1, "then_branch");
                                         attribute.add_message(6, inner);
                                         attribute.add_int32(20, 5);
                                       }));
                    }));
    });
    if (graph.size() > 1'000'000) break;
  }
  EXPECT_TRUE(says(error_of(message([&](Writer& model) {
                     model.add_int64(1, 8);
                     model.add_message(7, graph);
                   })),
                   "nested more than 32 deep"));
}

class HostileExternalData : public testing::Test {
 protected:
  void SetUp() override {
    auto outer = TemporaryFolder::create();
    ASSERT_TRUE(outer.ok());
    outer_.emplace(*std::move(outer));
    folder_ = outer_->path() + "/model";
    std::filesystem::create_directories(folder_ + "/sub");
    write(outer_->path() + "/secret", 64);
    write(folder_ + "/good", 64);
    write(folder_ + "/sub/good", 64);
  }

  static void write(const std::string& path, std::size_t size) {
    ASSERT_TRUE(write_file_atomically(path, std::string(size, 'x')).ok());
  }

  // The error of loading a model whose tensor lies at `location`.
  std::string load(const std::string& location, const std::string& offset = "0", const std::string& length = "16") {
    const std::string bytes = with_tensor({4}, 1, [&](Writer& tensor) {
      const auto entry = [&](const std::string& key, const std::string& value) {
        tensor.add_message(13, message([&](Writer& to) {
                             to.add_string(1, key);
                             to.add_string(2, value);
                           }));
      };
      entry("location", location);
      entry("offset", offset);
      if (!length.empty()) entry("length", length);
      tensor.add_int32(14, 1);
    });
    EXPECT_TRUE(write_file_atomically(folder_ + "/model.onnx", bytes).ok());
    const auto model = read_model(folder_ + "/model.onnx");
    return model.ok() ? "no error" : model.error().message();
  }

  std::optional<TemporaryFolder> outer_;
  std::string folder_;
};

TEST_F(HostileExternalData, InTheFolderIsRead) {
  EXPECT_EQ(load("good"), "no error");
  EXPECT_EQ(load("./sub//good"), "no error");
  EXPECT_EQ(load("good", "48", ""), "no error");
}

TEST_F(HostileExternalData, OutOfTheFolderIsDeclined) {
  EXPECT_TRUE(says(load("../secret"), "climbs out of the model's folder"));
  EXPECT_TRUE(says(load("sub/../../secret"), "climbs out"));
  EXPECT_TRUE(says(load(outer_->path() + "/secret"), "absolute path"));
  std::filesystem::create_symlink(outer_->path() + "/secret", folder_ + "/link");
  EXPECT_TRUE(says(load("link"), "symbolic link"));
  std::filesystem::create_directory_symlink(outer_->path(), folder_ + "/up");
  EXPECT_TRUE(says(load("up/secret"), "symbolic link"));
  std::filesystem::create_hard_link(outer_->path() + "/secret", folder_ + "/hard");
  EXPECT_TRUE(says(load("hard"), "hard link"));
  EXPECT_TRUE(says(load("sub"), "it is a folder"));
  EXPECT_TRUE(says(load("absent"), "external data 'absent' cannot be read"));
  EXPECT_TRUE(says(load(""), "without a location"));
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(says(load("pipe"), "not a regular file"));
}

TEST_F(HostileExternalData, OffsetsAndLengthsAreChecked) {
  EXPECT_TRUE(says(load("good", "56"), "has 64 bytes; the model wants 16 at offset 56"));
  EXPECT_TRUE(says(load("good", "18446744073709551615"), "not a size in bytes"));
  EXPECT_TRUE(says(load("good", "9223372036854775807"), "has 64 bytes"));
  EXPECT_TRUE(says(load("good", "-1"), "not a size in bytes"));
  EXPECT_TRUE(says(load("good", "0", "12"), "12 bytes of data do not fit"));
}

TEST_F(HostileExternalData, NeedsAFolder) {
  load("good");
  const std::string bytes = read_file(folder_ + "/model.onnx").value();
  EXPECT_TRUE(says(error_of(bytes), "came as bytes, without a folder"));
  EXPECT_TRUE(read_model(std::as_bytes(std::span(bytes)), folder_).ok());
}

}  // namespace
}  // namespace cycloid::onnx

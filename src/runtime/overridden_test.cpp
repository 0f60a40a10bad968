// Initializers that are inputs too: constants, until LoadOptions::overridden names them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "cycloid/session.h"

namespace cycloid {
namespace {

using protozero::pbf_writer;
using testing::ElementsAre;
using testing::HasSubstr;

using Sizes = std::vector<std::int64_t>;

template <class Fill>
std::string message(Fill fill) {
  std::string bytes;
  pbf_writer writer(bytes);
  fill(writer);
  return bytes;
}

// ValueInfoProto: float32 with these sizes, of which -1 is "n".
std::string value(const std::string& name, const Sizes& sizes) {
  const std::string shape = message([&](pbf_writer& to) {
    for (const std::int64_t size : sizes) {
      to.add_message(1, message([&](pbf_writer& dim) {
                       if (size < 0) {
                         dim.add_string(2, "n");
                       } else {
                         dim.add_int64(1, size);
                       }
                     }));
    }
  });
  const std::string tensor = message([&](pbf_writer& to) {
    to.add_int32(1, 1);
    to.add_message(2, shape);
  });
  return message([&](pbf_writer& to) {
    to.add_string(1, name);
    to.add_message(2, message([&](pbf_writer& type) { type.add_message(1, tensor); }));
  });
}

std::string tensor(const std::string& name, const std::vector<float>& data) {
  return message([&](pbf_writer& to) {
    const Sizes dims = {static_cast<std::int64_t>(data.size())};
    to.add_packed_int64(1, dims.begin(), dims.end());
    to.add_int32(2, 1);
    to.add_packed_float(4, data.begin(), data.end());
    to.add_string(8, name);
  });
}

std::string node(const std::string& op, const std::string& a, const std::string& b, const std::string& y) {
  return message([&](pbf_writer& to) {
    to.add_string(1, a);
    to.add_string(1, b);
    to.add_string(2, y);
    to.add_string(4, op);
  });
}

// y = x * w + b, where w and b are initializers and inputs.
std::string file(std::int64_t ir_version) {
  const std::string graph = message([](pbf_writer& to) {
    to.add_message(1, node("Mul", "x", "w", "t"));
    to.add_message(1, node("Add", "t", "b", "y"));
    to.add_string(2, "g");
    to.add_message(5, tensor("w", {2, 2}));
    to.add_message(5, tensor("b", {1}));
    for (const auto& [name, size] : {std::pair("x", 2), std::pair("w", -1), std::pair("b", 1)})
      to.add_message(11, value(name, {size}));
    to.add_message(12, value("y", {2}));
  });
  return message([&](pbf_writer& to) {
    to.add_int64(1, ir_version);
    to.add_message(7, graph);
    to.add_message(8, message([](pbf_writer& opset) { opset.add_int64(2, 21); }));
  });
}

Result<Model> load(std::vector<std::string> overridden, std::int64_t ir_version = 8) {
  const std::string bytes = file(ir_version);
  return Model::from_bytes(std::as_bytes(std::span(bytes)), {}, {.overridden = std::move(overridden)});
}

std::vector<std::string> names(std::span<const ValueInfo> infos) {
  std::vector<std::string> result;
  for (const ValueInfo& info : infos) result.push_back(info.name);
  return result;
}

std::vector<float> run(const Model& model, std::vector<std::vector<float>> inputs) {
  const Session session = Session::create(model, {.threads = 1}).value();
  std::vector<Sizes> sizes;
  for (const std::vector<float>& input : inputs) sizes.push_back({static_cast<std::int64_t>(input.size())});
  std::vector<TensorView> views;
  for (std::size_t i = 0; i < inputs.size(); ++i) views.emplace_back(std::span(inputs[i]), sizes[i]);
  const Result<std::vector<AnyValue>> values = session.run(views);
  if (!values) {
    ADD_FAILURE() << values.error().message();
    return {};
  }
  const TensorView y = (*values)[0].tensor();
  const std::span<const float> data = y.elements<float>();
  return {data.begin(), data.end()};
}

TEST(Overridden, InitializersAreConstantsUnlessTheyAreNamed) {
  const Model plain = load({}).value();
  EXPECT_THAT(names(plain.inputs()), ElementsAre("x"));
  EXPECT_THAT(names(plain.overridable_initializers()), ElementsAre("w", "b"));
  EXPECT_EQ(plain.overridable_initializers()[0].type, "float[n]");
  EXPECT_THAT(run(plain, {{3, 4}}), ElementsAre(7, 9));

  const Model one = load({"b"}).value();
  EXPECT_THAT(names(one.inputs()), ElementsAre("x", "b"));
  EXPECT_THAT(names(one.overridable_initializers()), ElementsAre("w", "b"));
  EXPECT_THAT(run(one, {{3, 4}, {-1}}), ElementsAre(5, 7));

  const Model both = load({"b", "w"}).value();
  EXPECT_THAT(names(both.inputs()), ElementsAre("x", "w", "b"));  // in the model's order
  EXPECT_THAT(run(both, {{3, 4}, {1, 10}, {0.5F}}), ElementsAre(3.5F, 40.5F));
  EXPECT_THAT(run(both, {{3, 4}, {5}, {0}}), ElementsAre(15, 20));  // of another size than the initializer
}

TEST(Overridden, OnlyInitializersThatAreInputs) {
  const Result<Model> model = load({"w", "x"});
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(model.error().message(), HasSubstr("'x' is no input with an initializer"));
}

TEST(Overridden, BeforeIrVersion4AnInitializerHadToBeAnInput) {
  const Model model = load({}, 3).value();
  EXPECT_THAT(names(model.inputs()), ElementsAre("x"));
  EXPECT_TRUE(model.overridable_initializers().empty());
}

}  // namespace
}  // namespace cycloid

#include "cli/input_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cycloid {
namespace {

using testing::HasSubstr;

TEST(InputSpec, ReadsNameShapeAndDType) {
  const InputSpec spec = parse_input_spec("data=5x3x64x64:float32").value();
  EXPECT_EQ(spec.name, "data");
  EXPECT_EQ(spec.dims, (Dims{5, 3, 64, 64}));
  EXPECT_EQ(spec.dtype, DType::kFloat32);
  EXPECT_EQ(parse_input_spec("x=1,2").value().dims, (Dims{1, 2}));
  EXPECT_EQ(parse_input_spec("x=7").value().dims, (Dims{7}));
  EXPECT_EQ(parse_input_spec("x=0x4").value().dims, (Dims{0, 4}));
  EXPECT_EQ(parse_input_spec("sr=scalar:int64").value().dims, Dims{});
  EXPECT_EQ(parse_input_spec("sr=scalar").value().dtype, std::nullopt);
}

TEST(InputSpec, NamesMayHoldWhatFrameworksPutThere) {
  EXPECT_EQ(parse_input_spec("scope/in:0=1x2").value().name, "scope/in:0");
  EXPECT_EQ(parse_input_spec("a=b=1x2").value().name, "a=b");
}

TEST(InputSpec, SaysWhatIsWrong) {
  for (const char* text :
       {"", "x", "=1x2", "x=", "x=1xx2", "x=1x", "x=-1x2", "x=nan", "x=1.5", "x=99999999999999999999"}) {
    const auto spec = parse_input_spec(text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_EQ(spec.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(spec.error().message(), HasSubstr("--input"));
  }
  EXPECT_THAT(parse_input_spec("x=1x2:flaot32").error().message(), HasSubstr("'flaot32'"));
  EXPECT_THAT(parse_input_spec("x=4294967296x4294967296").error().message(), HasSubstr("64 bits"));
}

TEST(InputFile, SplitsAtTheFirstEquals) {
  EXPECT_EQ(parse_input_file("x=dir/a=b.npy").value().path, "dir/a=b.npy");
  EXPECT_EQ(parse_input_file("x=dir/a=b.npy").value().name, "x");
  for (const char* text : {"", "x", "x=", "=f.npy"}) EXPECT_FALSE(parse_input_file(text).ok()) << text;
}

}  // namespace
}  // namespace cycloid

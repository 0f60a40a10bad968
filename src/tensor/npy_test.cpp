#include "tensor/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/atomic_file.h"

namespace cycloid {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Tensor> parse(const std::string& file, DType raw_type = DType::kUndefined) {
  return parse_npy(std::as_bytes(std::span(file)), raw_type);
}

// A version 1.0 file with the header text as given, as numpy.lib.format lays it out.
std::string npy(const std::string& header, const std::string& data) {
  std::string file = "\x93NUMPY";
  file += {'\1', '\0', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  return file + header + data;
}

std::string error_of(const std::string& file) {
  const auto tensor = parse(file);
  return tensor ? "no error" : tensor.error().message();
}

struct Python {
  // Runs a Python program; true when it exits with 0.
  static bool run(const std::string& program) {
    const std::string venv = CYCLOID_SOURCE_DIR "/.venv/bin/python";
    std::error_code ignored;
    const std::string python = std::filesystem::exists(venv, ignored) ? venv : "python3";
    const std::string command = python + " -c \"import numpy as np\n" + program + "\" 2>/dev/null";
    return std::system(command.c_str()) == 0;
  }
  static bool has_numpy() { return run(""); }
};

class NpyFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("cycloid_npy_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

TEST(Npy, KeepsEveryTypeAndShape) {
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    for (const Dims& dims : {Dims{}, Dims{0}, Dims{7}, Dims{2, 3}, Dims{2, 0, 3}, Dims{1, 2, 3, 4}}) {
      Tensor tensor = Tensor::zeros(dtype, dims).value();
      if (dtype == DType::kString) {
        int n = 0;
        for (std::string& text : tensor.mutable_data<std::string>()) text = std::string(n++ % 3, 'x') + "ü€😀";
      } else {
        for (std::size_t b = 0; b < tensor.byte_count(); ++b) {
          tensor.mutable_bytes()[b] = std::byte(dtype == DType::kBool ? b % 2 : b * 37 + 5);
        }
      }
      const auto file = to_npy(tensor);
      ASSERT_TRUE(file.ok());
      const auto back = parse(*file, dtype);
      ASSERT_TRUE(back.ok()) << to_string(dtype) << ": " << back.error().message();
      EXPECT_TRUE(identical(tensor, *back)) << to_string(dtype) << to_string(dims);
    }
  }
}

TEST(Npy, ElementsBeginAligned) {
  const auto file = to_npy(Tensor::of<float>({1}, {1.0F}));
  EXPECT_EQ((file->size() - sizeof(float)) % 64, 0U);
}

TEST(Npy, ReadsColumnMajorAndBigEndian) {
  const std::string data("\0\1\0\4\0\2\0\5\0\3\0\6", 12);
  const auto tensor = parse(npy("{'shape': (2, 3), \"fortran_order\": True, 'descr': '>i2'}\n", data));
  ASSERT_TRUE(tensor.ok()) << tensor.error().message();
  EXPECT_THAT(tensor->dims(), ElementsAre(2, 3));
  EXPECT_THAT(tensor->data<std::int16_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Npy, BoolsAreZeroOrOneWhateverTheFileHolds) {
  const auto tensor =
      parse(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }\n", std::string("\0\x7f\1", 3)));
  ASSERT_TRUE(tensor.ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(static_cast<int>(tensor->bytes()[i]), i == 0 ? 0 : 1);
}

TEST(Npy, HostileFilesAreErrors) {
  const auto with_shape = [](const std::string& shape) {
    return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }\n", std::string(8, '\0'));
  };
  EXPECT_EQ(error_of(with_shape("(2,)")), "no error");
  EXPECT_THAT(error_of(""), HasSubstr("not a .npy file"));
  EXPECT_THAT(error_of("PK\3\4 a zip, not an array"), HasSubstr("not a .npy file"));
  EXPECT_THAT(error_of(with_shape("(3,)")), HasSubstr("do not fit shape [3]"));
  EXPECT_THAT(error_of(with_shape("(1,)")), HasSubstr("do not fit"));
  EXPECT_THAT(error_of(with_shape("(4611686018427387905,)")), HasSubstr("do not fit"));  // times 4 wraps to 4
  EXPECT_THAT(error_of(with_shape("(4294967296, 4294967296)")), HasSubstr("do not fit"));
  EXPECT_THAT(error_of(with_shape("(-2, -1)")), HasSubstr("ill-formed"));
  EXPECT_THAT(error_of(with_shape("(99999999999999999999,)")), HasSubstr("ill-formed"));
  EXPECT_THAT(error_of(with_shape("(2")), HasSubstr("ill-formed"));
  EXPECT_THAT(error_of(npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", "")), HasSubstr("numpy type '|O'"));
  EXPECT_THAT(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", "")), HasSubstr("record"));
  EXPECT_THAT(error_of(npy("{'descr': '|V2', 'fortran_order': False, 'shape': ()}", "ab")), HasSubstr("raw bytes"));
  EXPECT_THAT(error_of(npy("{'descr': '<U0', 'fortran_order': False, 'shape': (9999999999,)}", "")),
              HasSubstr("no bytes"));
  EXPECT_THAT(error_of(npy("{}", "")), HasSubstr("lacks"));
  std::string cut = with_shape("(2,)");
  for (std::size_t n = 0; n < cut.size(); ++n) EXPECT_NE(error_of(cut.substr(0, n)), "no error") << n;
}

TEST_F(NpyFiles, AgreeWithNumpy) {
  if (!Python::has_numpy()) GTEST_SKIP() << "python3 has no numpy here";
  ASSERT_TRUE(write_npy(path("a.npy"), Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6.5})).ok());
  ASSERT_TRUE(write_npy(path("s.npy"), Tensor::of<std::string>({2}, {"ab", "ü😀"})).ok());
  ASSERT_TRUE(write_npy(path("0.npy"), Tensor::scalar<std::int64_t>(-7)).ok());
  EXPECT_TRUE(Python::run("a = np.load('" + path("a.npy") +
                          "'); assert a.dtype == np.float32 and (a == [[1, 2, 3], [4, 5, 6.5]]).all(); np.save('" +
                          path("b.npy") + "', np.asfortranarray(a.astype('>f8')))"));
  EXPECT_TRUE(Python::run("s = np.load('" + path("s.npy") +
                          "'); assert s.tolist() == ['ab', '\\u00fc\\U0001f600']; z = np.load('" + path("0.npy") +
                          "'); assert z.shape == () and z == -7"));
  const auto back = read_npy(path("b.npy"));
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_THAT(back->data<double>(), ElementsAre(1, 2, 3, 4, 5, 6.5));
}

TEST_F(NpyFiles, ErrorsNameTheFile) {
  const auto missing = read_npy(path("missing.npy"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("missing.npy': No such file"));
  ASSERT_TRUE(write_file_atomically(path("text.npy"), "hello, this is text").ok());
  EXPECT_THAT(read_npy(path("text.npy")).error().message(), testing::StartsWith(path("text.npy") + ": not a .npy"));
}

TEST_F(NpyFiles, AreWrittenWholeOrNotAtAll) {
  EXPECT_FALSE(write_file_atomically(path("no/such/folder"), "x").ok());
  EXPECT_FALSE(write_file_atomically(path(""), "x").ok());
  ASSERT_TRUE(write_file_atomically(path("f"), "old").ok());
  ASSERT_TRUE(write_file_atomically(path("f"), "new").ok());
  EXPECT_EQ(*read_file(path("f")), "new");
  EXPECT_FALSE(read_file(path("f"), 2).ok());
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path(""))) ++files;
  EXPECT_EQ(files, 1);
}

}  // namespace
}  // namespace cycloid

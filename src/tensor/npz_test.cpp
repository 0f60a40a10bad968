#include "tensor/npz.h"

#include <gtest/gtest.h>

#include "tensor/npy.h"

namespace cycloid {
namespace {

void put(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(i < 8 ? static_cast<char>(value >> (8 * i)) : '\0');
}

// A zip archive as PKWARE's APPNOTE lays it out, with stored entries (method 0) unless said.
std::string zip(const std::vector<std::pair<std::string, std::string>>& entries, int method = 0) {
  std::string file;
  std::string directory;
  for (const auto& [name, data] : entries) {
    const std::uint64_t offset = file.size();
    put(file, 0x04034b50, 4);
    for (const int bytes : {2, 2}) put(file, 20, bytes);
    put(file, static_cast<std::uint64_t>(method), 2);
    put(file, 0, 4);
    put(file, 0, 4);
    put(file, data.size(), 4);
    put(file, data.size(), 4);
    put(file, name.size(), 2);
    put(file, 0, 2);
    file.resize(offset + 30);
    file += name + data;
    const std::size_t at = directory.size();
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    put(directory, 20, 2);
    put(directory, 0, 2);
    put(directory, static_cast<std::uint64_t>(method), 2);
    put(directory, 0, 8);
    put(directory, data.size(), 4);
    put(directory, data.size(), 4);
    put(directory, name.size(), 2);
    put(directory, 0, 12);
    put(directory, offset, 4);
    directory.resize(at + 46);
    directory += name;
  }
  const std::uint64_t start = file.size();
  file += directory;
  put(file, 0x06054b50, 4);
  put(file, 0, 4);
  put(file, entries.size(), 2);
  put(file, entries.size(), 2);
  put(file, directory.size(), 4);
  put(file, start, 4);
  put(file, 0, 2);
  return file;
}

auto parse(const std::string& file) { return parse_npz(std::as_bytes(std::span(file))); }

TEST(Npz, ReadsArraysByName) {
  const float numbers[] = {1, 2, 3};
  const std::string a = to_npy(Tensor::of<float>({3}, std::span<const float>(numbers))).value();
  const std::string b = to_npy(Tensor::scalar(std::int64_t{7})).value();
  const auto arrays = parse(zip({{"a.npy", a}, {"dir/b.npy", b}}));
  ASSERT_TRUE(arrays.ok()) << arrays.error().message();
  ASSERT_EQ(arrays->size(), 2U);
  EXPECT_EQ(arrays->at("a").data<float>()[2], 3);
  EXPECT_EQ(arrays->at("dir/b").data<std::int64_t>()[0], 7);
}

TEST(Npz, NoPrefixOfAFileIsReadBeyondItsEnd) {
  const std::string whole = zip({{"a.npy", to_npy(Tensor::scalar(1.0F)).value()}});
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse(whole.substr(0, size)).ok()) << size;
}

TEST(Npz, WrongFieldsAreErrors) {
  const std::string whole = zip({{"a.npy", to_npy(Tensor::scalar(1.0F)).value()}});
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0xFF);
    (void)parse(broken);  // an error or another array, but no read out of bounds (sanitizers watch)
  }
}

TEST(Npz, CompressedEntriesAreNamed) {
  const auto arrays = parse(zip({{"a.npy", "x"}}, 8));
  ASSERT_FALSE(arrays.ok());
  EXPECT_NE(arrays.error().message().find("'a.npy'"), std::string::npos);
  EXPECT_NE(arrays.error().message().find("compressed"), std::string::npos);
}

}  // namespace
}  // namespace cycloid

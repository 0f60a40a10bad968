#include "base/sha256.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/temporary_folder.h"

namespace cycloid {
namespace {

// NIST's example values for FIPS 180-4.
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const TemporaryFolder folder = TemporaryFolder::create().value();
  const std::string bytes(3'000'001, 'x');
  ASSERT_TRUE(write_file_atomically(folder.path() + "/f", bytes).ok());
  EXPECT_EQ(*sha256_of_file(folder.path() + "/f"), sha256(bytes));
  EXPECT_EQ(sha256_of_file(folder.path() + "/none").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace cycloid

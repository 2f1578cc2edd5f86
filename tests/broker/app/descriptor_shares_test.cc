#include "broker/app/descriptor_shares.h"

#include <catch2/catch.hpp>

namespace millrace {
namespace {

constexpr size_t kDescriptors = 20'000;

TEST_CASE("descriptor shares: files get what connections do not need") {
  DescriptorShares shares(kDescriptors);
  CHECK(shares.files() > 18'000);
  CHECK(shares.connections_max() > 10'000);
  CHECK_FALSE(shares.OnConnections(1));
  CHECK(shares.OnConnections(5000));
  CHECK(shares.files() < 15'000);
  CHECK(shares.OnConnections(0));
  CHECK(shares.files() > 18'000);
}

TEST_CASE("descriptor shares: there is always room for more connections, and never too little") {
  for (size_t descriptors : {64, 256, 257, 1024, 4096, 20'000, 1'000'000}) {
    DescriptorShares shares(descriptors);
    const size_t files_max = shares.files();
    for (size_t open = 0; open <= shares.connections_max(); ++open) {
      shares.OnConnections(open);
      REQUIRE(shares.files() <= files_max);
      REQUIRE(shares.files() + open <= descriptors);
      // Those that are accepted before this is asked again find a descriptor.
      if (open + DescriptorShares::kStep <= shares.connections_max()) {
        REQUIRE(shares.files() + open + DescriptorShares::kStep <= descriptors);
      }
    }
  }
}

TEST_CASE("descriptor shares: connections that come and go do not move them to and fro") {
  DescriptorShares shares(kDescriptors);
  shares.OnConnections(3000);
  int changes = 0;
  for (int i = 0; i < 100; ++i) {
    changes += shares.OnConnections(3000 + (i % 2 == 0 ? 0U : 2 * DescriptorShares::kStep)) ? 1 : 0;
  }
  CHECK(changes <= 1);
}

}  // namespace
}  // namespace millrace

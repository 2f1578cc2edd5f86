#include "broker/api/fetch_call.h"

#include <vector>

#include <catch2/catch.hpp>

namespace millrace::api {
namespace {

// What a partition's log gave: so many bytes, the first batch of them so large.
FetchItem Item(int64_t bytes, int64_t first_batch_bytes, int64_t partition_bytes_max = 1 << 20) {
  FetchItem item;
  item.request.max_bytes = partition_bytes_max;
  item.outcome.slice.size = bytes;
  item.outcome.first_batch_bytes = first_batch_bytes;
  return item;
}

std::vector<int64_t> Fitted(std::vector<FetchItem> items, int64_t bytes_max) {
  FetchCall call{.items = std::move(items), .bytes_max = bytes_max};
  call.FitToSize();
  std::vector<int64_t> sizes;
  for (const FetchItem& item : call.items) sizes.push_back(item.outcome.slice.size);
  return sizes;
}

TEST_CASE("fetch call: part of a batch alone is never sent") {
  CHECK(Fitted({Item(900, 300), Item(500, 200)}, 1000) == std::vector<int64_t>{900, 0});
  CHECK(Fitted({Item(900, 300), Item(500, 200, 150)}, 5000) == std::vector<int64_t>{900, 0});
}

TEST_CASE("fetch call: the first batch of all stays whole, whatever its size") {
  CHECK(Fitted({Item(5000, 5000), Item(10, 10)}, 1000) == std::vector<int64_t>{5000, 0});
  CHECK(Fitted({Item(0, 0), Item(5000, 5000), Item(10, 10)}, 1000) ==
        std::vector<int64_t>{0, 5000, 0});
}

TEST_CASE("fetch call: what fits is left alone, and the rest is cut in order") {
  CHECK(Fitted({Item(100, 100), Item(200, 50)}, 1000) == std::vector<int64_t>{100, 200});
  CHECK(Fitted({Item(700, 100), Item(700, 100), Item(700, 100)}, 1000) ==
        std::vector<int64_t>{700, 300, 0});
}

}  // namespace
}  // namespace millrace::api

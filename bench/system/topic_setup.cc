#include "bench/system/topic_setup.h"

#include <chrono>
#include <string>
#include <thread>
#include <unistd.h>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"
#include "bench/system/requests.h"
#include "bench/system/socket.h"

namespace millrace::bench {
namespace {

constexpr int16_t kTopicAlreadyExists = 36;

void Create(int descriptor, const LoadOptions& options) {
  std::vector<uint8_t> answer =
      Exchange(descriptor, BuildCreateTopic(options.topic, options.partitions));
  FrameReader in(answer);
  in.Skip(4 + 4);  // correlation id, throttle time
  in.Skip(4);      // one topic
  in.SkipText();
  auto error = in.Integer<int16_t>();
  if (!in.ok()) Die("an answer to CreateTopics is too short");
  if (error != 0 && error != kTopicAlreadyExists) {
    Die("CreateTopics was refused with error code " + std::to_string(error));
  }
}

// Asked of the partition itself, for metadata may name a leader that does not serve yet.
bool IsServed(int descriptor, const std::string& topic, int32_t partition) {
  FetchFrame frame = BuildFetch(topic, partition, {.max_bytes = 1, .max_wait_ms = 0});
  return ParseFetchHead(Exchange(descriptor, frame.bytes)).error == 0;
}

}  // namespace

void CreateTopicAndWait(const LoadOptions& options) {
  int descriptor = ConnectToLoopback(options.port);
  Create(descriptor, options);
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (int32_t partition = 0; partition < options.partitions; ++partition) {
    while (!IsServed(descriptor, options.topic, partition)) {
      if (std::chrono::steady_clock::now() > deadline)
        Die("a partition of the topic has no leader");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  ::close(descriptor);
}

}  // namespace millrace::bench

#include "broker/core/group/assignor.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

using Places = std::vector<uint32_t>;  // of subscribers

// Who reads each topic, in the order of the subscribers.
std::vector<Places> ReadersOf(std::span<const Subscriber> subscribers, size_t topics) {
  std::vector<Places> readers(topics);
  for (uint32_t i = 0; i < subscribers.size(); ++i) {
    for (uint32_t topic : subscribers[i].topics) readers[topic].push_back(i);
  }
  return readers;
}

// Static members first, and by their instance ids, so that one that comes back under another member
// id has the place that it had.
bool ComesBefore(const Subscriber& a, const Subscriber& b) {
  if (a.instance_id.has_value() != b.instance_id.has_value()) return a.instance_id.has_value();
  if (a.instance_id.has_value()) return *a.instance_id < *b.instance_id;
  return a.member_id < b.member_id;
}

std::vector<PartitionSet> AssignRange(std::span<const Subscriber> subscribers,
                                      std::span<const TopicSize> topics) {
  std::vector<PartitionSet> shares(subscribers.size());
  std::vector<Places> readers = ReadersOf(subscribers, topics.size());
  for (size_t t = 0; t < topics.size(); ++t) {
    Places& places = readers[t];
    if (places.empty()) continue;
    std::sort(places.begin(), places.end(),
              [&](uint32_t a, uint32_t b) { return ComesBefore(subscribers[a], subscribers[b]); });
    const auto count = static_cast<int32_t>(places.size());
    const int32_t each = topics[t].partitions / count;
    const int32_t more = topics[t].partitions % count;
    int32_t next = 0;
    for (int32_t i = 0; i < count; ++i) {
      const int32_t end = next + each + (i < more ? 1 : 0);
      PartitionSet& share = shares[places[static_cast<size_t>(i)]];
      for (; next < end; ++next) share.push_back({topics[t].id, PartitionIndex(next)});
    }
  }
  return shares;
}

// Partitions as numbers, topic after topic, and who is to have each.
class UniformAssignment {
 public:
  UniformAssignment(std::span<const Subscriber> subscribers, std::span<const TopicSize> topics)
      : subscribers_(subscribers), topics_(topics), load_(subscribers.size(), 0) {
    size_t partitions = 0;
    for (const TopicSize& topic : topics) {
      first_.push_back(partitions);
      places_.emplace(topic.id, places_.size());
      partitions += static_cast<size_t>(topic.partitions);
    }
    owner_.assign(partitions, kNobody);
  }

  std::vector<PartitionSet> Run() {
    readers_ = ReadersOf(subscribers_, topics_.size());
    const bool is_homogeneous = std::ranges::all_of(subscribers_, [&](const Subscriber& one) {
      return std::ranges::equal(one.topics, subscribers_.front().topics);
    });
    if (is_homogeneous) {
      ShareEvenly();
    } else {
      KeepAll();
      GiveToTheLeastLoaded();
      Balance();
    }
    return Shares();
  }

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;

  // Behind the number of the topic's last partition.
  size_t EndOf(uint32_t topic) const {
    return first_[topic] + static_cast<size_t>(topics_[topic].partitions);
  }

  // The partition's number where there is such a partition and the subscriber reads its topic.
  std::optional<size_t> NumberOf(const Subscriber& subscriber, const TopicPartition& one) const {
    auto found = places_.find(one.topic);
    if (found == places_.end()) return std::nullopt;
    const size_t place = found->second;
    if (one.index.value() >= topics_[place].partitions) return std::nullopt;
    const bool reads = std::ranges::binary_search(subscriber.topics, static_cast<uint32_t>(place));
    if (!reads) return std::nullopt;
    return first_[place] + static_cast<size_t>(one.index.value());
  }

  void Give(size_t partition, uint32_t subscriber) {
    if (owner_[partition] != kNobody) --load_[owner_[partition]];
    owner_[partition] = subscriber;
    ++load_[subscriber];
  }

  // Up to so many of what it was to have.
  void Keep(uint32_t subscriber, size_t limit) {
    for (const TopicPartition& one : *subscribers_[subscriber].before) {
      if (load_[subscriber] == limit) return;
      std::optional<size_t> number = NumberOf(subscribers_[subscriber], one);
      if (number.has_value() && owner_[*number] == kNobody) Give(*number, subscriber);
    }
  }

  void KeepAll() {
    for (uint32_t i = 0; i < subscribers_.size(); ++i) Keep(i, SIZE_MAX);
  }

  // Everybody reads the same topics: shares differ by one at most.
  void ShareEvenly() {
    size_t total = 0;
    for (uint32_t topic : subscribers_.front().topics) total += EndOf(topic) - first_[topic];
    const size_t each = total / subscribers_.size();
    size_t more = total % subscribers_.size();
    std::vector<size_t> limits(subscribers_.size(), each);
    for (uint32_t i = 0; i < subscribers_.size(); ++i) {
      Keep(i, each + (more > 0 ? 1 : 0));
      if (load_[i] <= each) continue;
      ++limits[i];
      --more;
    }
    for (size_t i = 0; i < subscribers_.size() && more > 0; ++i) {
      if (limits[i] > each) continue;
      ++limits[i];
      --more;
    }
    FillUp(limits);
  }

  // What is left goes round, so that a topic is spread over many.
  void FillUp(const std::vector<size_t>& limits) {
    size_t next = 0;
    for (uint32_t topic : subscribers_.front().topics) {
      for (size_t partition = first_[topic]; partition < EndOf(topic); ++partition) {
        if (owner_[partition] != kNobody) continue;
        while (load_[next] == limits[next]) next = (next + 1) % limits.size();
        Give(partition, static_cast<uint32_t>(next));
        next = (next + 1) % limits.size();
      }
    }
  }

  // Subscribers by how much they have, so that the one with the least, or the most, is at hand.
  class ByLoad {
   public:
    explicit ByLoad(const std::vector<size_t>& load) : load_(load) {}
    void Add(uint32_t subscriber) { order_.emplace(load_[subscriber], subscriber); }
    void Remove(uint32_t subscriber) { order_.erase({load_[subscriber], subscriber}); }
    bool empty() const { return order_.empty(); }
    uint32_t least() const { return order_.begin()->second; }
    uint32_t most() const { return order_.rbegin()->second; }

   private:
    const std::vector<size_t>& load_;
    std::set<std::pair<size_t, uint32_t>> order_;
  };

  // Topics with few readers come first: there is no choice about them.
  void GiveToTheLeastLoaded() {
    Places order(topics_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {},
                      [&](uint32_t topic) { return std::pair(readers_[topic].size(), topic); });
    for (uint32_t topic : order) {
      if (readers_[topic].empty()) continue;
      ByLoad readers(load_);
      for (uint32_t reader : readers_[topic]) readers.Add(reader);
      for (size_t partition = first_[topic]; partition < EndOf(topic); ++partition) {
        if (owner_[partition] != kNobody) continue;
        const uint32_t least = readers.least();
        readers.Remove(least);
        Give(partition, least);
        readers.Add(least);
      }
    }
  }

  // What one topic's readers can do for the balance may be undone by the next topic's: so again,
  // but not for ever, as others wait for this.
  void Balance() {
    constexpr int kRoundsMax = 16;
    bool has_moved = true;
    for (int round = 0; round < kRoundsMax && has_moved; ++round) {
      has_moved = false;
      for (uint32_t topic = 0; topic < topics_.size(); ++topic) {
        if (readers_[topic].size() > 1 && BalanceTopic(topic)) has_moved = true;
      }
    }
  }

  // Moves partitions of the topic from who has at least two more than another. It ends: the sum of
  // the squares of the loads shrinks with each move.
  bool BalanceTopic(uint32_t topic) {
    std::map<uint32_t, std::vector<size_t>> held;  // partitions of the topic by owner
    for (size_t partition = first_[topic]; partition < EndOf(topic); ++partition) {
      held[owner_[partition]].push_back(partition);
    }
    ByLoad readers(load_);
    ByLoad owners(load_);
    for (uint32_t reader : readers_[topic]) readers.Add(reader);
    for (const auto& [owner, partitions] : held) owners.Add(owner);
    bool has_moved = false;
    while (!owners.empty()) {
      const uint32_t most = owners.most();
      const uint32_t least = readers.least();
      if (load_[most] < load_[least] + 2) return has_moved;
      for (uint32_t one : {most, least}) {
        readers.Remove(one);
        owners.Remove(one);
      }
      const size_t partition = held[most].back();
      held[most].pop_back();
      held[least].push_back(partition);
      Give(partition, least);
      for (uint32_t one : {most, least}) {
        readers.Add(one);
        if (!held[one].empty()) owners.Add(one);
      }
      has_moved = true;
    }
    return has_moved;
  }

  std::vector<PartitionSet> Shares() const {
    std::vector<PartitionSet> shares(subscribers_.size());
    for (size_t topic = 0; topic < topics_.size(); ++topic) {
      for (int32_t index = 0; index < topics_[topic].partitions; ++index) {
        const uint32_t owner = owner_[first_[topic] + static_cast<size_t>(index)];
        if (owner == kNobody) continue;
        shares[owner].push_back({topics_[topic].id, PartitionIndex(index)});
      }
    }
    return shares;
  }

  std::span<const Subscriber> subscribers_;
  std::span<const TopicSize> topics_;
  absl::flat_hash_map<TopicId, size_t> places_;  // in topics_
  std::vector<size_t> first_;                    // the number of each topic's first partition
  std::vector<uint32_t> owner_;                  // of each partition
  std::vector<size_t> load_;                     // partitions of each subscriber
  std::vector<Places> readers_;
};

}  // namespace

std::string_view AssignorName(Assignor assignor) {
  switch (assignor) {
    case Assignor::kUniform:
      return "uniform";
    case Assignor::kRange:
      return "range";
  }
  return "";
}

std::optional<Assignor> FindAssignor(std::string_view name) {
  for (Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
    if (name == AssignorName(assignor)) return assignor;
  }
  return std::nullopt;
}

std::vector<PartitionSet> Assign(Assignor assignor, std::span<const Subscriber> subscribers,
                                 std::span<const TopicSize> topics) {
  if (subscribers.empty()) return {};
  std::vector<PartitionSet> shares;
  switch (assignor) {
    case Assignor::kUniform:
      shares = UniformAssignment(subscribers, topics).Run();
      break;
    case Assignor::kRange:
      shares = AssignRange(subscribers, topics);
      break;
  }
  INVARIANT(shares.size() == subscribers.size());
  for (PartitionSet& share : shares) std::sort(share.begin(), share.end());
  return shares;
}

}  // namespace millrace::core::group

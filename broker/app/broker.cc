#include "broker/app/broker.h"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/api/router.h"
#include "broker/app/metrics_report.h"
#include "broker/metadata/local_store.h"
#include "broker/net/http_server.h"
#include "broker/net/listener.h"
#include "broker/partition/descriptor_cache.h"
#include "broker/runtime/process.h"
#include "broker/runtime/run_and_wait.h"
#include "broker/service/broker_config_service.h"
#include "broker/service/cleaner.h"
#include "broker/service/group_service.h"
#include "broker/service/log_directories.h"
#include "broker/service/producer_ids.h"
#include "broker/service/topic_service.h"
#include "storage/metadata_names.h"

namespace millrace {

namespace {

constexpr int64_t kDrainMsMax = 2000;
// So many pieces are on their way from the disk at once.
constexpr size_t kLoadThreads = 4;

api::ApiOptions MakeApiOptions(const core::Properties& properties) {
  return {.auto_create_topics = properties.Bool("auto.create.topics.enable"),
          .fetch_bytes_max = properties.Integer("fetch.max.bytes"),
          .fetch_sessions_max =
              static_cast<size_t>(properties.Integer("max.incremental.fetch.session.cache.slots"))};
}

}  // namespace

// The graph of the broker, in the order in which it is built; destroyed in reverse.
struct Broker::Parts {
  explicit Parts(BrokerConfig given)
      : config(std::move(given)),
        self(static_cast<int32_t>(config.properties.Integer("node.id"))),
        shards(config.shards),
        budget(config.limits.memory_bytes, config.limits.shared_memory_bytes),
        client_log(shards[0]),
        files(*config.file_system, config.limits.files),
        table(shards) {
    for (size_t i = 0; i < shards.size(); ++i) {
      memories.push_back(std::make_unique<ShardMemory>(budget));
    }
  }

  absl::Status Listen();
  absl::Status ListenForMetrics();
  awaitable<net::HttpAnswer> AnswerHttp(std::string path);
  awaitable<int64_t> LogBytesOn(size_t shard_index, int64_t& partitions);
  absl::Status Open();
  core::ImagePtr FirstImage() const;
  service::DiskWatch::Environment HowToWatchDisks();
  void BuildServices();
  awaitable<absl::Status> Load();
  awaitable<absl::Status> Close();

  BrokerConfig config;
  BrokerId self;
  ShardSet shards;
  MemoryBudget budget;
  std::vector<std::unique_ptr<ShardMemory>> memories;  // one a shard
  ClientLog client_log;
  partition::DescriptorCache files;
  std::unique_ptr<service::LogDirectories> directories;  // outlive the partitions
  partition::PartitionTable table;
  std::unique_ptr<DiskPool> disk_pool;
  // Threads of their own, so that no sync waits behind a read,
  std::unique_ptr<LoadPool> load_pool = std::make_unique<LoadPool>(kLoadThreads);
  // or behind (de)compression.
  std::unique_ptr<CodecPool> codec_pool;
  std::unique_ptr<metadata::LocalStore> store;
  std::unique_ptr<service::ClusterView> view;
  std::unique_ptr<service::PartitionHost> host;
  std::unique_ptr<service::TopicService> topics;
  std::unique_ptr<service::BrokerConfigService> broker_configs;
  std::unique_ptr<service::GroupService> groups;
  std::unique_ptr<service::ProducerIds> producer_ids;
  std::unique_ptr<service::Cleaner> cleaner;
  std::unique_ptr<api::Services> services;
  std::vector<std::unique_ptr<api::Router>> routers;
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<net::HttpServer> http;  // null: no metrics.listener
  bool running = false;
};

absl::Status Broker::Parts::Listen() {
  net::ListenerResources resources{.log = &client_log, .loads = load_pool.get()};
  for (auto& memory : memories) resources.memories.push_back(memory.get());
  resources.on_connections = [this](size_t open) {
    if (config.limits.descriptors.OnConnections(open)) {
      files.SetOpenMax(config.limits.descriptors.files());
    }
  };
  listener =
      std::make_unique<net::Listener>(shards, config.limits.connection, std::move(resources));
  net::ListenOptions options = MakeListenOptions(config.properties, config.limits);
  options.host = config.listen.host;
  options.port = config.listen.port;
  return listener->Open(options);
}

absl::Status Broker::Parts::ListenForMetrics() {
  if (!config.metrics.has_value()) return absl::OkStatus();
  http = std::make_unique<net::HttpServer>(
      shards[0], [this](std::string path) { return AnswerHttp(std::move(path)); });
  return http->Open(config.metrics->host, config.metrics->port);
}

awaitable<net::HttpAnswer> Broker::Parts::AnswerHttp(std::string path) {
  if (path != "/metrics") co_return net::HttpAnswer{.status = 404, .body = "see /metrics\n"};
  MetricsReport report;
  report.metrics = co_await listener->CollectMetrics();
  report.loads = load_pool->counts();
  report.flushes = host->flushes();
  report.memory_used_bytes = budget.used();
  report.memory_limit_bytes = budget.limit();
  report.log_lines_left_out = client_log.left_out();
  report.open_files = files.open_count();
  report.reopened_files = files.reopened();
  report.recovered_bytes = host->recovered_bytes();
  report.cleaner = cleaner->metrics();
  if (report.cleaner.last_at.has_value()) {
    report.since_cleaning_ms = SteadyNow() - *report.cleaner.last_at;
  }
  report.topics = static_cast<int64_t>(view->current().topics().size());
  for (size_t i = 0; i < shards.size(); ++i) {
    report.log_bytes += co_await shards[i].Run(LogBytesOn(i, report.partitions));
  }
  report.directories = co_await host->Describe();
  ProcessUsage usage = ReadProcessUsage();
  report.resident_bytes = usage.resident_bytes;
  report.cpu_seconds = usage.cpu_seconds;
  co_return net::HttpAnswer{.content_type = kMetricsContentType, .body = FormatMetrics(report)};
}

awaitable<int64_t> Broker::Parts::LogBytesOn(size_t shard_index, int64_t& partitions) {
  int64_t bytes = 0;
  for (const auto& partition : table.On(shards[shard_index]).All()) {
    bytes += partition->log().size_bytes();
    ++partitions;
  }
  co_return bytes;
}

absl::Status Broker::Parts::Open() {
  storage::FileSystem& fs = *config.file_system;
  auto opened = service::LogDirectories::Open({fs, config.log_directories, self});
  if (!opened.ok()) return opened.status();
  directories = *std::move(opened);
  disk_pool = std::make_unique<DiskPool>(
      static_cast<size_t>(config.properties.Integer("num.disk.threads")));
  codec_pool = std::make_unique<CodecPool>(config.shards, budget);
  auto opened_store = metadata::LocalStore::Open(
      {shards[0], *disk_pool, fs},
      fmt::format("{}/{}", directories->metadata().data->path(), storage::kMetadataDirectory),
      WallNow());
  if (!opened_store.ok()) return opened_store.status();
  store = *std::move(opened_store);
  return absl::OkStatus();
}

core::ImagePtr Broker::Parts::FirstImage() const {
  auto image = std::make_shared<core::ClusterImage>();
  image->cluster_id = directories->metadata().data->cluster_id();
  image->controller = self;
  core::BrokerImage broker{.id = self, .host = config.advertised.host};
  broker.port = config.advertised.port == 0 ? listener->port() : config.advertised.port;
  if (config.properties.IsSet("broker.rack")) broker.rack = config.properties.Text("broker.rack");
  image->brokers.push_back(std::move(broker));
  image->configs = std::make_shared<core::BrokerConfigs>(config.properties);
  return image;
}

service::DiskWatch::Environment Broker::Parts::HowToWatchDisks() {
  const int64_t reserved = config.properties.Integer("log.dir.reserved.bytes");
  return {.shard = shards[0],
          .disk_pool = *disk_pool,
          .path = {},
          .reserved_bytes = reserved < 0 ? std::nullopt : std::optional(reserved),
          .on_full = [this] { host->MakeRoom(); },
          .on_room = [this] { topics->OnRoom(); }};
}

void Broker::Parts::BuildServices() {
  Shard& first = shards[0];
  directories->Watch(HowToWatchDisks());
  view = std::make_unique<service::ClusterView>(shards, FirstImage());
  host = std::make_unique<service::PartitionHost>(
      service::PartitionHost::Environment{first, *disk_pool, *codec_pool, *load_pool, table, files,
                                          *directories, config.properties, self});
  topics = std::make_unique<service::TopicService>(service::TopicService::Environment{
      first, *store, *view, *host, *directories, config.properties, self});
  broker_configs = std::make_unique<service::BrokerConfigService>(
      service::BrokerConfigService::Environment{first, *store, *topics, *view});
  groups = std::make_unique<service::GroupService>(
      service::GroupService::Environment{table, *view, *topics, *disk_pool, config.properties});
  producer_ids = std::make_unique<service::ProducerIds>(first, *store);
  cleaner = std::make_unique<service::Cleaner>(
      service::Cleaner::Environment{first, table, *view, budget, config.properties});
  services = std::make_unique<api::Services>(api::Services{
      *view, table, *topics, *broker_configs, *groups, *producer_ids, *host, *disk_pool,
      *codec_pool, *load_pool, client_log, MakeApiOptions(config.properties)});
  for (size_t i = 0; i < shards.size(); ++i) {
    routers.push_back(std::make_unique<api::Router>(*services, shards[i], *memories[i]));
  }
}

awaitable<absl::Status> Broker::Parts::Load() {
  // Before the logs: how far recovery has come can be seen there.
  if (http != nullptr) http->Start();
  co_await directories->StartWatching();
  absl::Status started = co_await topics->Start();
  if (!started.ok()) co_return started;
  started = co_await host->StartMaintenance();
  if (!started.ok()) co_return started;
  co_await groups->Start();
  cleaner->Start();
  // What was read to know all this is much where there are many partitions.
  ReturnFreeMemory();
  std::vector<FrameHandler*> handlers;
  for (auto& router : routers) handlers.push_back(router.get());
  listener->Start(std::move(handlers));
  co_return absl::OkStatus();
}

// Requests first, then the logs they are answered from, then what keeps the metadata.
awaitable<absl::Status> Broker::Parts::Close() {
  if (http != nullptr) co_await http->Stop();
  co_await listener->StopTaking();
  co_await directories->StopWatching();
  co_await host->StopMaintenance();
  co_await cleaner->Stop();
  co_await topics->Stop();
  co_await groups->Stop();
  absl::Status closed = co_await host->CloseAll();
  co_await listener->Close(SteadyNow() + kDrainMsMax);
  for (size_t i = 0; i < shards.size(); ++i) co_await shards[i].Run(routers[i]->Join());
  client_log.Stop();
  co_return closed;
}

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Broker::~Broker() {
  if (parts_->running) static_cast<void>(Stop());
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(BrokerConfig config) {
  auto parts = std::make_unique<Parts>(std::move(config));
  for (const std::string& warning : parts->config.warnings) spdlog::warn("{}", warning);
  // The port is taken first: a second start by mistake then fails before it touches any file.
  absl::Status status = parts->Listen();
  if (status.ok()) status = parts->ListenForMetrics();
  if (status.ok()) status = parts->Open();
  if (!status.ok()) return status;
  parts->BuildServices();
  parts->shards.Start();
  parts->running = true;
  auto broker = std::unique_ptr<Broker>(new Broker(std::move(parts)));
  Parts& running = *broker->parts_;
  status = RunAndWait(running.shards[0], running.Load());
  if (!status.ok()) return status;
  return broker;
}

uint16_t Broker::port() const { return parts_->listener->port(); }

uint16_t Broker::metrics_port() const { return parts_->http == nullptr ? 0 : parts_->http->port(); }

const std::string& Broker::cluster_id() const {
  return parts_->directories->metadata().data->cluster_id();
}

const MemoryBudget& Broker::memory_budget() const { return parts_->budget; }

absl::Status Broker::Stop() {
  parts_->running = false;
  absl::Status closed = RunAndWait(parts_->shards[0], parts_->Close());
  // They finish what was submitted, while the shards still run.
  parts_->cleaner.reset();
  parts_->load_pool.reset();
  parts_->codec_pool.reset();
  parts_->disk_pool.reset();
  parts_->shards.Stop();
  absl::Status store_closed = parts_->store->Close();
  return closed.ok() ? store_closed : closed;
}

}  // namespace millrace

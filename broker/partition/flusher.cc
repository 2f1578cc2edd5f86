#include "broker/partition/flusher.h"

#include <memory>
#include <utility>

namespace millrace::partition {

void Flusher::Want() {
  if (in_flight_) {
    wanted_again_ = true;
  } else {
    Start();
  }
}

void Flusher::Start() {
  in_flight_ = true;
  wanted_again_ = false;
  covered_bytes_ = log_.undurable_bytes();
  started_ = SteadyNowNs();
  storage::DiskJob job = log_.Flush();
  auto run = std::move(job.run);
  disk_pool_.Submit(shard_, std::move(run),
                    [this, job = std::move(job)](absl::Status status) mutable {
                      Finish(std::move(job), status);
                    });
}

// A failed sync is never tried again: the kernel may have dropped the pages it could not write.
void Flusher::Finish(storage::DiskJob job, const absl::Status& status) {
  in_flight_ = false;
  if (status.ok()) {
    if (counts_ != nullptr) counts_->Add(covered_bytes_, SteadyNowNs() - started_);
    if (job.finish) job.finish();
    if (wanted_again_) Start();
  }
  on_done_(status);
}

}  // namespace millrace::partition

#include "storage/posix_error.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "proto/invariant.h"

namespace millrace::storage {

absl::Status PosixError(std::string_view call, std::string_view path, int error) {
  INVARIANT(error != 0);
  const std::string message =
      fmt::format("{}: {} failed: {}", path, call, std::generic_category().message(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::Status SyncError(std::string_view call, std::string_view path, int error) {
  return absl::InternalError(PosixError(call, path, error).message());
}

}  // namespace millrace::storage

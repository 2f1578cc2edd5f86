#include "storage/directory_survey.h"

#include <catch2/catch.hpp>

#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

TEST_CASE("directory survey: what cannot be listed is an error, what is not there holds nothing") {
  test::FaultFileSystem fs;
  auto survey = SurveyDirectory(fs, "/data", "__ours-0");
  REQUIRE(survey.ok());
  CHECK_FALSE(survey->has_identity);
  CHECK_FALSE(survey->has_metadata);
  CHECK(survey->partition.empty());
  CHECK_FALSE(fs.Exists("/data"));
  fs.Inject({.operation = test::Operation::kList, .status = absl::InternalError("EIO")});
  CHECK(absl::IsInternal(SurveyDirectory(fs, "/data", "__ours-0").status()));
}

TEST_CASE("directory survey: identity, metadata and another partition are seen") {
  test::FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/data/__ours-0").ok());
  REQUIRE(fs.CreateDirectories("/data/notes").ok());
  auto survey = SurveyDirectory(fs, "/data", "__ours-0");
  REQUIRE(survey.ok());
  CHECK(survey->has_metadata);
  CHECK(survey->partition.empty());
  REQUIRE(fs.CreateDirectories("/data/orders-3").ok());
  REQUIRE(ReplaceFile(fs, "/data/meta.properties", "version=1\n").ok());
  survey = SurveyDirectory(fs, "/data", "__theirs-0");
  REQUIRE(survey.ok());
  CHECK(survey->has_identity);
  CHECK_FALSE(survey->has_metadata);
  CHECK(survey->partition == "__ours-0");
}

}  // namespace
}  // namespace millrace::storage

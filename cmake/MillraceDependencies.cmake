# Debian's packages. Release binaries link the archives where Debian ships them, so that the
# broker starts in about two milliseconds (docs/decisions/0001-static-linking.md).

set(Boost_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
set(ZLIB_USE_STATIC_LIBS ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(Protobuf REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)

# Debian's Abseil targets name the shared libraries; the archives lie beside them.
file(STRINGS "${absl_DIR}/abslTargets.cmake" absl_shared_lines
     REGEX "^add_library\\(absl::[^ ]+ SHARED")
foreach(line IN LISTS absl_shared_lines)
  string(REGEX REPLACE "^add_library\\((absl::[^ ]+) SHARED.*" "\\1" target "${line}")
  get_target_property(location ${target} IMPORTED_LOCATION_NONE)
  string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${location}")
  if(EXISTS "${archive}")
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_NONE "${archive}"
                                               IMPORTED_SONAME_NONE "")
  endif()
endforeach()

# Archives without CMake targets of their own.
foreach(name IN ITEMS snappy lz4 zstd xxhash re2)
  find_library(MILLRACE_${name}_ARCHIVE NAMES lib${name}.a REQUIRED)
  add_library(millrace_${name} INTERFACE)
  target_link_libraries(millrace_${name} INTERFACE "${MILLRACE_${name}_ARCHIVE}")
endforeach()

# spdlog and fmt have no archives in Debian: their sources are compiled in proto/fmt.cc and
# broker/runtime/spdlog.cc. As headers they took half of the time of every file that logs.
add_library(millrace_spdlog INTERFACE)
target_compile_definitions(millrace_spdlog INTERFACE SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
target_link_libraries(millrace_spdlog INTERFACE millrace_fmt Threads::Threads)

# Asio: header-only, one definition of the sources in broker/runtime/asio.cc.
add_library(millrace_asio INTERFACE)
target_compile_definitions(
  millrace_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                          BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8)
target_link_libraries(millrace_asio INTERFACE Boost::headers Threads::Threads)

find_library(MILLRACE_BOOST_JSON_ARCHIVE NAMES libboost_json.a REQUIRED)
add_library(millrace_boost_json INTERFACE)
target_link_libraries(millrace_boost_json INTERFACE "${MILLRACE_BOOST_JSON_ARCHIVE}" Boost::headers)

# Only what formats metrics; Debian has no archive of it.
find_library(MILLRACE_PROMETHEUS_LIBRARY prometheus-cpp-core REQUIRED)
add_library(millrace_prometheus INTERFACE)
target_link_libraries(millrace_prometheus INTERFACE "${MILLRACE_PROMETHEUS_LIBRARY}")

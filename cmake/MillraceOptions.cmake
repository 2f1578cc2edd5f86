# Compiler settings that every target of the project shares. Targets link `millrace_options`.

option(MILLRACE_TESTS "Build the tests" ON)
option(MILLRACE_BENCH "Build the benchmarks" OFF)
option(MILLRACE_LTO "Optimize the millrace binary across its libraries (needs lld)" OFF)
option(MILLRACE_FUZZ "Build the fuzz targets and nothing else (clang only)" OFF)
set(MILLRACE_SANITIZE "" CACHE STRING "Comma-separated sanitizers: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(millrace_options INTERFACE)
target_include_directories(millrace_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(
  millrace_options
  INTERFACE -Wall
            -Wextra
            -Werror
            -Wshadow
            -Wnon-virtual-dtor
            -Wold-style-cast
            -Wcast-align
            -Woverloaded-virtual
            -Wimplicit-fallthrough
            -Wswitch-enum
            -Wno-missing-field-initializers
            -fno-omit-frame-pointer)

if(MILLRACE_SANITIZE)
  target_compile_options(millrace_options INTERFACE "-fsanitize=${MILLRACE_SANITIZE}"
                                                    -fno-sanitize-recover=all)
  target_link_options(millrace_options INTERFACE "-fsanitize=${MILLRACE_SANITIZE}")
else()
  target_compile_options(millrace_options INTERFACE -fstack-protector-strong
                                                    -fstack-clash-protection -fcf-protection)
  target_compile_definitions(millrace_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_compile_definitions(millrace_options
                             INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=3>)
  target_link_options(millrace_options INTERFACE -Wl,-z,relro,-z,now)
endif()

if(MILLRACE_FUZZ)
  target_compile_options(millrace_options INTERFACE -fsanitize=fuzzer-no-link)
  # An optional or a vector that is asked for what it has not stops the process.
  target_compile_definitions(millrace_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()

find_program(MILLRACE_MOLD mold)
if(MILLRACE_MOLD)
  # The binary that is optimized across its libraries needs the linker that can do it.
  set(is_optimized "$<AND:$<BOOL:${MILLRACE_LTO}>,$<STREQUAL:$<TARGET_PROPERTY:NAME>,millrace>>")
  target_link_options(millrace_options INTERFACE $<IF:${is_optimized},-fuse-ld=lld,-fuse-ld=mold>)
endif()

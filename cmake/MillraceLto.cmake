# Optimization across the libraries of the hot path, for the `millrace` binary alone
# (docs/decisions/0025-thinlto.md). Their object files hold machine code, which tests and benchmarks
# link as ever, and beside it what the linker of the binary optimizes again as a whole.

function(millrace_optimize_across)
  cmake_parse_arguments(ARG "" "BINARY" "LIBRARIES" ${ARGN})
  find_program(MILLRACE_LLD ld.lld-19)
  if(NOT MILLRACE_LTO OR NOT MILLRACE_LLD)
    return()
  endif()
  foreach(target IN LISTS ARG_LIBRARIES ARG_BINARY)
    target_compile_options(${target} PRIVATE -flto=thin -ffat-lto-objects)
  endforeach()
  target_link_options(
    ${ARG_BINARY} PRIVATE -flto=thin -ffat-lto-objects
    "LINKER:--thinlto-cache-dir=${CMAKE_BINARY_DIR}/thinlto-cache")
endfunction()

// A library for LD_PRELOAD that counts a process's allocations into a file, so that another process
// can read the count at the start and at the end of a window.
//
//   MILLRACE_ALLOCATION_COUNTS=/tmp/counts LD_PRELOAD=libcount_allocations.so millrace serve ...
//
// The file holds two 64-bit numbers in the machine's byte order: calls of malloc, calloc, realloc,
// aligned_alloc, posix_memalign and memalign together, and the bytes they asked for. operator new
// ends in one of these, also when libstdc++ is linked statically. Calls before the library's
// constructor has run are not counted. Without the variable nothing is counted.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct counts {
  _Atomic uint64_t allocations;
  _Atomic uint64_t bytes;
};

// glibc's own entry points: calling these avoids looking up symbols, which itself allocates.
extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static struct counts* shared_counts;

__attribute__((constructor)) static void open_counts(void) {
  const char* path = getenv("MILLRACE_ALLOCATION_COUNTS");
  if (path == NULL) return;
  int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return;
  if (ftruncate(descriptor, sizeof(struct counts)) == 0) {
    void* mapped =
        mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED) shared_counts = mapped;
  }
  close(descriptor);
}

static void count(size_t bytes) {
  if (shared_counts == NULL) return;
  atomic_fetch_add_explicit(&shared_counts->allocations, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&shared_counts->bytes, bytes, memory_order_relaxed);
}

void* malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}

void* realloc(void* memory, size_t size) {
  count(size);
  return __libc_realloc(memory, size);
}

void* memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  count(size);
  void* memory = __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *out = memory;
  return 0;
}

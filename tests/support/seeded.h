// Seeds, and choices that follow from a seed alone, the same on every machine.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace millrace::test {

// A well-mixed number made of two (the finaliser of SplitMix64).
constexpr uint64_t Mix(uint64_t seed, uint64_t value) {
  uint64_t z = seed + 0x9E3779B97F4A7C15 * (value + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// A number that whoever runs the test may set.
inline uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace millrace::test

// A value that several threads use in turn: whoever holds a Locked<T>::Hold has it alone.
//
//   Locked<std::vector<int>> numbers;
//   numbers.Lock()->push_back(1);
//
// For what is rarely entered; nothing on the hot path waits for another thread.
// Threading: any thread. A Hold must not outlive its Locked, nor wait for anything meanwhile that
// its own kind may hold.
#pragma once

#include <mutex>
#include <utility>

namespace millrace {

template <class T>
class Locked {
 public:
  class Hold {
   public:
    Hold(std::mutex& mutex, T& value) : lock_(mutex), value_(value) {}
    T* operator->() { return &value_; }
    T& operator*() { return value_; }

   private:
    std::unique_lock<std::mutex> lock_;
    T& value_;
  };

  template <class... Arguments>
  explicit Locked(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  Hold Lock() { return Hold(mutex_, value_); }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace millrace

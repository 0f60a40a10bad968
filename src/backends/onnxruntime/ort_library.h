// ONNX Runtime's shared library, found and loaded at run time, and owners for its objects.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/onnxruntime/ort_api.h"
#include "cycloid/result.h"

namespace cycloid::ort {

struct Library {
  Api api;
  std::string version;  // "1.32.0"
  std::string path;
};

// $CYCLOID_ONNXRUNTIME (the library, or its folder), else the library in the Python package onnxruntime. Loaded once
// and never unloaded: its threads may outlive any object of ours.
Result<Library> open_library();

// An error of ONNX Runtime as ours; success where `status` is null. Releases the status.
Status check(const Api& api, OrtStatus* status);

// The execution providers of the library, best first.
Result<std::vector<std::string>> available_providers(const Api& api);

// Deletes through the table. Owned<OrtSession> of(api, kReleaseSession, pointer).
template <class T>
class Release {
 public:
  Release() : entry_{0} {}
  Release(Api api, Entry<void(T*)> entry) : api_(api), entry_(entry) {}
  void operator()(T* object) const { api_(entry_, object); }

 private:
  Api api_;
  Entry<void(T*)> entry_;
};
template <class T>
using Owned = std::unique_ptr<T, Release<T>>;

template <class T>
Owned<T> own(const Api& api, Entry<void(T*)> release, T* object) {
  return Owned<T>(object, Release<T>(api, release));
}

}  // namespace cycloid::ort

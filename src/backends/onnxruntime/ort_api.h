// The part of ONNX Runtime's C interface that Cycloid calls, declared by hand because the PyPI wheel has no headers.
//
// OrtGetApiBase()->GetApi(version) gives a table of function pointers that is append-only: a function's place never
// changes, so a place and a signature are all that is needed. Places are counted in the public onnxruntime_c_api.h (API
// version 29); the comments name the first version that has the last function of each group. Enumerations travel as
// int.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cycloid::ort {

// The oldest API version whose table has every place below. Release 1.N has API version N.
inline constexpr std::uint32_t kApiVersion = 17;

struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtValue;
struct OrtAllocator;
struct OrtMemoryInfo;
struct OrtTypeInfo;
struct OrtTensorInfo;  // OrtTensorTypeAndShapeInfo
struct OrtIoBinding;
struct OrtCudaOptions;      // OrtCUDAProviderOptionsV2
struct OrtTensorRtOptions;  // OrtTensorRTProviderOptionsV2

struct OrtApiBase {
  const void* const* (*GetApi)(std::uint32_t version);  // null where the library is older than `version`
  const char* (*GetVersionString)();
};
using GetApiBaseFunction = const OrtApiBase*();  // the library's one exported function, OrtGetApiBase

// Values of enumerations.
inline constexpr int kLogError = 3;         // OrtLoggingLevel
inline constexpr int kTypeTensor = 1;       // ONNXType
inline constexpr int kTypeSequence = 2;     // ONNXType
inline constexpr int kTypeMap = 3;          // ONNXType
inline constexpr int kDeviceAllocator = 0;  // OrtAllocatorType
inline constexpr int kMemoryDefault = 0;    // OrtMemType
inline constexpr int kSequential = 0;       // ExecutionMode
inline constexpr int kParallel = 1;         // ExecutionMode

// One place of the table, with the function's type.
template <class Signature>
struct Entry {
  std::size_t place;
};
using S = OrtStatus*;
using In = const char* const*;

inline constexpr Entry<const char*(const OrtStatus*)> kGetErrorMessage{2};
inline constexpr Entry<S(int level, const char* id, OrtEnv**)> kCreateEnv{3};
inline constexpr Entry<S(const OrtEnv*)> kDisableTelemetryEvents{6};
inline constexpr Entry<S(const OrtEnv*, const char* path, const OrtSessionOptions*, OrtSession**)> kCreateSession{7};
inline constexpr Entry<S(OrtSession*, const OrtRunOptions*, In names, const OrtValue* const*, std::size_t,
                         In output_names, std::size_t, OrtValue**)>
    kRun{9};
inline constexpr Entry<S(OrtSessionOptions**)> kCreateSessionOptions{10};
inline constexpr Entry<S(OrtSessionOptions*, const char* path)> kSetOptimizedModelFilePath{11};
inline constexpr Entry<S(OrtSessionOptions*, int mode)> kSetSessionExecutionMode{13};
inline constexpr Entry<S(OrtSessionOptions*)> kEnableMemPattern{16};
inline constexpr Entry<S(OrtSessionOptions*)> kDisableMemPattern{17};
inline constexpr Entry<S(OrtSessionOptions*)> kEnableCpuMemArena{18};
inline constexpr Entry<S(OrtSessionOptions*)> kDisableCpuMemArena{19};
inline constexpr Entry<S(OrtSessionOptions*, int level)> kSetGraphOptimizationLevel{23};
inline constexpr Entry<S(OrtSessionOptions*, int)> kSetIntraOpNumThreads{24};
inline constexpr Entry<S(OrtSessionOptions*, int)> kSetInterOpNumThreads{25};
inline constexpr Entry<S(const OrtSession*, std::size_t*)> kSessionGetInputCount{30};
inline constexpr Entry<S(const OrtSession*, std::size_t*)> kSessionGetOutputCount{31};
inline constexpr Entry<S(const OrtSession*, std::size_t*)> kSessionGetOverridableInitializerCount{32};
inline constexpr Entry<S(const OrtSession*, std::size_t, OrtTypeInfo**)> kSessionGetInputTypeInfo{33};
inline constexpr Entry<S(const OrtSession*, std::size_t, OrtTypeInfo**)> kSessionGetOutputTypeInfo{34};
inline constexpr Entry<S(const OrtSession*, std::size_t, OrtTypeInfo**)> kSessionGetOverridableInitializerTypeInfo{35};
inline constexpr Entry<S(const OrtSession*, std::size_t, OrtAllocator*, char**)> kSessionGetInputName{36};
inline constexpr Entry<S(const OrtSession*, std::size_t, OrtAllocator*, char**)> kSessionGetOutputName{37};
inline constexpr Entry<S(const OrtSession*, std::size_t, OrtAllocator*, char**)> kSessionGetOverridableInitializerName{
    38};
inline constexpr Entry<S(OrtRunOptions**)> kCreateRunOptions{39};
inline constexpr Entry<S(OrtAllocator*, const std::int64_t* dims, std::size_t rank, int type, OrtValue**)>
    kCreateTensorAsOrtValue{48};
inline constexpr Entry<S(OrtValue*, void**)> kGetTensorMutableData{51};
inline constexpr Entry<S(OrtValue*, In strings, std::size_t)> kFillStringTensor{52};
inline constexpr Entry<S(const OrtValue*, std::size_t*)> kGetStringTensorDataLength{53};
inline constexpr Entry<S(const OrtValue*, void*, std::size_t, std::size_t* offsets, std::size_t)>
    kGetStringTensorContent{54};
inline constexpr Entry<S(const OrtTypeInfo*, const OrtTensorInfo**)> kCastTypeInfoToTensorInfo{55};
inline constexpr Entry<S(const OrtTypeInfo*, int*)> kGetOnnxTypeFromTypeInfo{56};
inline constexpr Entry<S(const OrtTensorInfo*, int*)> kGetTensorElementType{60};
inline constexpr Entry<S(const OrtTensorInfo*, std::size_t*)> kGetDimensionsCount{61};
inline constexpr Entry<S(const OrtTensorInfo*, std::int64_t*, std::size_t)> kGetDimensions{62};
inline constexpr Entry<S(const OrtTensorInfo*, const char**, std::size_t)> kGetSymbolicDimensions{63};
inline constexpr Entry<S(const OrtValue*, OrtTensorInfo**)> kGetTensorTypeAndShape{65};
inline constexpr Entry<S(const OrtValue*, int*)> kGetValueType{67};
inline constexpr Entry<S(int allocator, int memory, OrtMemoryInfo**)> kCreateCpuMemoryInfo{69};
inline constexpr Entry<S(OrtAllocator*, void*)> kAllocatorFree{76};
inline constexpr Entry<S(OrtAllocator**)> kGetAllocatorWithDefaultOptions{78};
inline constexpr Entry<S(const OrtValue*, int index, OrtAllocator*, OrtValue**)> kGetValue{80};
inline constexpr Entry<S(const OrtValue*, std::size_t*)> kGetValueCount{81};
inline constexpr Entry<void(OrtEnv*)> kReleaseEnv{92};
inline constexpr Entry<void(OrtStatus*)> kReleaseStatus{93};
inline constexpr Entry<void(OrtMemoryInfo*)> kReleaseMemoryInfo{94};
inline constexpr Entry<void(OrtSession*)> kReleaseSession{95};
inline constexpr Entry<void(OrtValue*)> kReleaseValue{96};
inline constexpr Entry<void(OrtRunOptions*)> kReleaseRunOptions{97};
inline constexpr Entry<void(OrtTypeInfo*)> kReleaseTypeInfo{98};
inline constexpr Entry<void(OrtTensorInfo*)> kReleaseTensorInfo{99};
inline constexpr Entry<void(OrtSessionOptions*)> kReleaseSessionOptions{100};
// API version 5:
inline constexpr Entry<S(OrtSessionOptions*, const char* name, std::int64_t)> kAddFreeDimensionOverrideByName{124};
inline constexpr Entry<S(char***, int*)> kGetAvailableProviders{125};
inline constexpr Entry<S(char**, int)> kReleaseAvailableProviders{126};
inline constexpr Entry<S(OrtSessionOptions*, const char* key, const char* value)> kAddSessionConfigEntry{130};
inline constexpr Entry<S(OrtSession*, const OrtRunOptions*, const OrtIoBinding*)> kRunWithBinding{133};
inline constexpr Entry<S(OrtSession*, OrtIoBinding**)> kCreateIoBinding{134};
inline constexpr Entry<void(OrtIoBinding*)> kReleaseIoBinding{135};
inline constexpr Entry<S(OrtIoBinding*, const char* name, const OrtValue*)> kBindInput{136};
inline constexpr Entry<S(OrtIoBinding*, const char* name, const OrtMemoryInfo*)> kBindOutputToDevice{138};
inline constexpr Entry<S(const OrtIoBinding*, OrtAllocator*, OrtValue***, std::size_t*)> kGetBoundOutputValues{140};
// API version 12:
inline constexpr Entry<S(OrtSessionOptions*, const OrtTensorRtOptions*)> kAppendTensorRt{170};
inline constexpr Entry<S(OrtTensorRtOptions**)> kCreateTensorRtOptions{171};
inline constexpr Entry<S(OrtTensorRtOptions*, In keys, In values, std::size_t)> kUpdateTensorRtOptions{172};
inline constexpr Entry<void(OrtTensorRtOptions*)> kReleaseTensorRtOptions{174};
inline constexpr Entry<S(OrtSessionOptions*, const OrtCudaOptions*)> kAppendCuda{204};
inline constexpr Entry<S(OrtCudaOptions**)> kCreateCudaOptions{205};
inline constexpr Entry<S(OrtCudaOptions*, In keys, In values, std::size_t)> kUpdateCudaOptions{206};
inline constexpr Entry<void(OrtCudaOptions*)> kReleaseCudaOptions{208};
inline constexpr Entry<S(OrtSessionOptions*, const char* name, In keys, In values, std::size_t)> kAppendProvider{216};
// API version 15:
inline constexpr Entry<const char*()> kGetBuildInfoString{254};

// The table. Immutable; any thread may call it where ONNX Runtime allows.
class Api {
 public:
  explicit Api(const void* const* table = nullptr) : table_(table) {}

  template <class R, class... A>
  R operator()(Entry<R(A...)> entry, std::type_identity_t<A>... arguments) const {
    return reinterpret_cast<R (*)(A...)>(const_cast<void*>(table_[entry.place]))(arguments...);
  }

 private:
  const void* const* table_;
};

}  // namespace cycloid::ort

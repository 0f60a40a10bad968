// Two-dimensional convolution of float32 activations.
//
// At plan time: conv_candidates() says which kernels can compute a convolution (or why not), select_conv() picks one;
// the ConvPlan then says how much memory packed weights and scratch take, and pack() fills the former.
// At run time: run() computes a range of the plan's work units; ranges may run at the same time on any threads, each
// with its own scratch. run() allocates nothing, keeps no state, and gives the same bits for any split into ranges.
//
// One-dimensional convolution is the case in_h = kernel_h = 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/cpu.h"
#include "kernels/activation.h"
#include "kernels/igemm/igemm.h"

namespace cycloid::kernels {

// What to compute. Activations are channels-last: pixel p, channel c at data[p * stride + c]; the pixels of an image
// row by row, the images one after another. Sizes are positive; channel counts are totals over the groups. The output
// size is given, not derived: taps beyond the input read zeros, so any padding at the end is implied by it.
struct ConvParams {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t out_h = 1, out_w = 1, out_c = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;  // at least 0
  int64_t groups = 1;                 // divides in_c and out_c
  int64_t in_stride = 0;              // floats from pixel to pixel, at least in_c; 0 means in_c
  int64_t out_stride = 0;             // the same for the output: a concatenation's total makes the result a part of it
  int64_t residual_stride = 0;        // the same for the residual
  bool channels_first = false;        // the input: pixel p, channel c of an image at c * in_h * in_w + p
  bool has_residual = false;          // y = activation(conv + bias + residual), or
  bool residual_last = false;         // y = activation(conv + bias) + residual
  Activation activation = {};
  int threads = 1;           // how many threads will share the work: units are made small enough for them
  bool strict = false;       // only direct sums: no algorithm that trades accuracy (Winograd)
  bool subnormals = false;   // they count: no kernel that takes them for zero whatever the thread says (bf16x3)
  bool out_far = false;      // the result is part of one that does not stay in L2
  bool weights_far = false;  // the weights of all layers do not fit L2, so these come from beyond it in each run
  // Columns of the register tile in vectors (igemm/igemm.h); 0: the kernel's own choice. What tuning tries; a kernel that has
  // no such tile declines.
  int panel_vectors = 0;

  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(out_h * out_w) * static_cast<double>(out_c) *
           static_cast<double>(in_c / groups) * static_cast<double>(kernel_h * kernel_w);
  }
};

struct ConvArgs {
  const float* in = nullptr;
  const float* residual = nullptr;  // where ConvParams::has_residual
  const void* packed = nullptr;     // as filled by ConvPlan::pack, at a multiple of 64
  float* out = nullptr;             // must not overlap in; may equal residual
  void* scratch = nullptr;          // ConvPlan::scratch_bytes() of this thread's own, at a multiple of 64
};

struct ConvKernel;

// How Winograd's kernels cut the output rows (or columns) into tiles: `large` tiles of `size` outputs, then others of one
// output, and so one point, fewer.
struct WinogradAxis {
  int64_t taps = 0;    // of the filter along the axis; of a phase, where the stride is 2
  int64_t points = 0;  // of a large tile: size + taps - 1
  int64_t size = 0;
  int64_t tiles = 0, large = 0;
  int64_t first_output(int64_t tile) const { return tile * size - (tile > large ? tile - large : 0); }
};

// A convolution made ready: plain data, copyable, and const after configure.
struct ConvPlan {
  ConvParams params;  // strides of 0 replaced by what they mean
  const ConvKernel* kernel = nullptr;
  const IgemmKernels* igemm = nullptr;  // for kernels that are built on it
  const void* isa_table = nullptr;      // the kernel's own per-ISA bodies
  size_t packed_bytes = 0;
  size_t scratch_bytes = 0;  // per thread
  int64_t units = 0;         // work units, about equal in cost
  double cost_flops = 0;     // arithmetic that the kernel really does
  double range_cost = 0;     // in the unit of ConvKernel::cost
  // Geometry derived by the kernel; see its file for the meaning.
  int64_t tile_rows = 0, tiles = 0, block_tiles = 0;
  int64_t vectors = 0, panels = 0, splits = 0, group_bytes = 0, zero_bytes = 0;
  int64_t fold = 1, unit_tiles = 1;
  int64_t taps = 0, channels = 0;
  int64_t inside_taps = 0;  // over all output pixels of an image, where taps outside the input are left out; else 0
  int64_t phases = 1, point_channels = 0;
  int64_t parts = 0;         // that a float is in (bf16x3/bf16x3.h), where tiles of bfloat16 add up
  int64_t block_pixels = 0;  // of the input, that a block of output pixels needs at most
  WinogradAxis axis_y, axis_x;

  std::string_view name() const;

  // Fills `packed` (packed_bytes, at a multiple of 64) from `weights` [out_c][in_c / groups][kernel_h][kernel_w] and
  // `bias` [out_c] or null. Neither is needed afterwards.
  void pack(const float* weights, const float* bias, void* packed) const;

  // Computes units [begin, end) of [0, units).
  void run(const ConvArgs& args, int64_t begin, int64_t end) const;
};

// One implementation. All are listed by conv_kernels(); the list is what tests and tuning go through.
struct ConvKernel {
  std::string_view name;  // family, algorithm and instruction set, such as "conv.igemm.avx512"
  Isa isa;
  // Fills the plan (its params are set, and normal), or says why this kernel cannot: empty means it can.
  std::string (*configure)(const ConvKernel& kernel, ConvPlan& plan);
  void (*pack)(const ConvPlan& plan, const float* weights, const float* bias, void* packed);
  void (*run)(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end);
  // Estimated time of one thread, in 1/16 cycles (kCostPerCycle); the least wins in select_conv().
  double (*cost)(const ConvPlan& plan);
  // Computes rows [begin, end) of an image's output to `out`, which is in a near cache, its pixels out_stride apart; args.out is
  // not used. Null where the kernel cannot.
  void (*run_rows)(const ConvPlan& plan, const ConvArgs& args, int64_t image, int64_t begin, int64_t end,
                   float* out) = nullptr;
};

// Every kernel of this build, for every instruction set, available here or not.
std::span<const ConvKernel> conv_kernels();

// The kernel's estimate for one thread in nanoseconds, on the reference machine (conv_kernels.h); and what each range of units
// costs of it beside the units (inputs are transformed once a range).
double conv_cost_ns(const ConvPlan& plan);
double conv_range_cost_ns(const ConvPlan& plan);

// Floating-point operations that the plan's algorithm needs, without what tiles and vectors compute in vain: those of
// the params, or the products of Winograd's points (its transforms are not counted). Where tiles of bfloat16 do them, as many as
// vectors would do in that time.
double conv_arithmetic(const ConvPlan& plan);

// A plan, or why there is none.
using ConvSelection = std::variant<ConvPlan, std::string>;

// The plan of `kernel`, or its reason to decline. The processor must have kernel.isa for the plan to be run.
ConvSelection configure_conv(const ConvKernel& kernel, const ConvParams& params);

struct ConvCandidate {
  const ConvKernel* kernel;
  ConvSelection selection;
};

// All kernels for `isa`, cheapest by estimate first, those that decline last with their reasons.
std::vector<ConvCandidate> conv_candidates(const ConvParams& params, Isa isa);

// The candidate with the least estimate. conv.igemm takes every valid ConvParams whose input is channels-last, so the only
// reasons to decline these are parameters that break the rules above.
ConvSelection select_conv(const ConvParams& params, Isa isa);

}  // namespace cycloid::kernels

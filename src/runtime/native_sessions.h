// What tests that compare the engine with the reference evaluation share: a model's sessions of every kind.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cycloid/session.h"
#include "tensor/tensor.h"

namespace cycloid::native {

inline std::vector<AnyValue> run_session(const Session& session, const std::vector<Tensor>& inputs) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : inputs)
    views.emplace_back(tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count());
  Result<std::vector<AnyValue>> values = session.run(views);
  EXPECT_TRUE(values.ok()) << (values.ok() ? "" : values.error().message());
  return values ? *std::move(values) : std::vector<AnyValue>();
}

// Outputs by reference evaluation.
inline std::vector<AnyValue> run_by_reference(const Model& model, const std::vector<Tensor>& inputs) {
  const Result<Session> session = Session::create(model, {.reference = true});
  EXPECT_TRUE(session.ok()) << (session.ok() ? "" : session.error().message());
  return session ? run_session(*session, inputs) : std::vector<AnyValue>();
}

// check(session, plan) for each instruction set and number of threads. What fails in it is said to be there.
template <class Check>
void for_each_session(const Model& model, std::initializer_list<int> thread_counts, const Check& check) {
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    for (const int threads : thread_counts) {
      const Result<Session> session = Session::create(model, {.threads = threads, .isa = std::string(to_string(isa))});
      ASSERT_TRUE(session.ok()) << session.error().message();
      const PlanInfo plan = session->plan().value();
      SCOPED_TRACE(std::string(to_string(isa)) + ", " + std::to_string(threads) + " threads\n" + plan.to_text());
      check(*session, plan);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace cycloid::native

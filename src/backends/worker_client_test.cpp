#include "backends/worker_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace cycloid {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Worker::Limit kLong{60};

Result<std::unique_ptr<Worker>> start(std::vector<std::string> settings, int interrupt_fd = -1) {
  std::vector<std::string> argv = {"python3", CYCLOID_SOURCE_DIR "/tests/bench_fake_worker.py"};
  argv.insert(argv.end(), settings.begin(), settings.end());
  return start_worker({argv, {}, interrupt_fd});
}

// The error of the first `run` of a worker that misbehaves in it as told.
std::string run_error(const std::string& how, Worker::Limit limit = kLong) {
  auto worker = start({"at=run", "do=" + how});
  EXPECT_TRUE(worker.ok());
  EXPECT_TRUE((*worker)->load({}, kLong).ok());
  const auto samples = (*worker)->run(5, limit);
  if (samples.ok()) return "no error";
  const auto again = (*worker)->run(5, limit);
  EXPECT_EQ(again.ok(), how == "error");
  if (!again.ok()) {
    EXPECT_EQ(again.error().message(), samples.error().message());
  }
  return samples.error().message();
}

TEST(WorkerClient, ServesEveryRequest) {
  auto worker = start({"latency_ns=500"});
  ASSERT_TRUE(worker.ok()) << worker.error().message();
  const WorkerLoadRequest request{"m.onnx", "onnx", {{"x", DType::kFloat32, {1, 2}, "/x.npy"}}, 2, {{"mode", "fast"}}};
  const auto loaded = (*worker)->load(request, kLong);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  EXPECT_EQ(loaded->version, "1.2.3");
  EXPECT_EQ(loaded->load_ms, 12.5);
  EXPECT_EQ(loaded->settings.at("threads"), "2");
  EXPECT_EQ(loaded->settings.at("mode"), "fast");
  const auto samples = (*worker)->run(4, kLong);
  ASSERT_TRUE(samples.ok());
  EXPECT_THAT(*samples, ElementsAre(500, 501, 502, 500));
  for (int i = 0; i < 2; ++i) {
    const auto outputs = (*worker)->outputs(kLong);
    ASSERT_TRUE(outputs.ok()) << outputs.error().message();
    ASSERT_EQ(outputs->size(), 1U);
    EXPECT_EQ((*outputs)[0].name, "y");
    EXPECT_THAT((*outputs)[0].tensor.data<float>(), ElementsAre(1, 1, 1, 1));
  }
  EXPECT_EQ((*worker)->usage(kLong)->peak_rss_mb, 64.5);
  EXPECT_TRUE((*worker)->quit(kLong).ok());
  EXPECT_FALSE((*worker)->run(1, kLong).ok());
}

TEST(WorkerClient, SaysHowAWorkerDied) {
  EXPECT_THAT(run_error("segv"), AllOf(HasSubstr("crashed with signal 11 (SIGSEGV"), HasSubstr("during 'run'"),
                                       HasSubstr("about to fall over")));
  EXPECT_THAT(run_error("exit"), AllOf(HasSubstr("exited with status 3"), HasSubstr("MemoryError: no memory left")));
  EXPECT_THAT(run_error("half"), HasSubstr("exited with status 0"));
}

TEST(WorkerClient, DoesNotWaitForeverForAWorkerThatHangs) {
  EXPECT_THAT(run_error("hang", Worker::Limit(0.3)), HasSubstr("no answer to 'run' within 0.3 s"));
}

TEST(WorkerClient, AWorkerThatClosesItsOutputIsKilled) {
  EXPECT_THAT(run_error("silent"), HasSubstr("closed its output"));
}

TEST(WorkerClient, DoesNotTrustNonsense) {
  EXPECT_THAT(run_error("nonsense"), HasSubstr("does not keep to the protocol"));
  EXPECT_THAT(run_error("short"), HasSubstr("does not keep to the protocol"));
}

TEST(WorkerClient, AReportedErrorKeepsItsCodeAndTheWorker) {
  EXPECT_EQ(run_error("error"), "operator 'Frob' is not supported");
  auto worker = start({"at=load", "do=unavailable"});
  EXPECT_EQ((*worker)->load({}, kLong).error().code(), ErrorCode::kUnavailable);
}

TEST(WorkerClient, AWorkerThatWillNotQuitIsKilled) {
  EXPECT_FALSE((*start({"at=quit", "do=hang"}))->quit(Worker::Limit(0.3)).ok());
}

TEST(WorkerClient, AMissingProgramIsAnError) {
  const auto worker = start_worker({{"/no/such/program"}, {}, -1});
  ASSERT_FALSE(worker.ok());
  EXPECT_EQ(worker.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(worker.error().message(), HasSubstr("cannot start '/no/such/program'"));
}

TEST(WorkerClient, ManyWorkersDoNotHoldEachOthersEndsOpen) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 5; ++i) workers.push_back(*start({}));
  for (auto& worker : workers) EXPECT_TRUE(worker->quit(kLong).ok());
}

TEST(WorkerClient, ChildrenOfAWorkerDieWithIt) {
  pid_t child = 0;
  {
    auto worker = start({"at=run", "do=spawn"});
    ASSERT_TRUE((*worker)->load({}, kLong).ok());
    const auto samples = (*worker)->run(1, Worker::Limit(3.0));
    ASSERT_FALSE(samples.ok());
    const std::string message = samples.error().message();
    ASSERT_THAT(message, HasSubstr("child "));
    child = std::stoi(message.substr(message.find("child ") + 6));
  }
  // A killed orphan stays a zombie until init takes it; what matters is that it does not run.
  for (int i = 0; i < 2000 && ::kill(child, 0) == 0; ++i) {
    std::string state;
    if (FILE* file = std::fopen(("/proc/" + std::to_string(child) + "/stat").c_str(), "r")) {
      char text[256] = {};
      if (std::fgets(text, sizeof text, file) != nullptr) state = text;
      std::fclose(file);
    }
    if (state.find(") Z") != std::string::npos) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_NE(::kill(child, 0), 0);
}

TEST(WorkerClient, AnInterruptEndsARequest) {
  const int event = ::eventfd(0, 0);
  auto worker = start({"at=run", "do=hang"}, event);
  ASSERT_TRUE((*worker)->load({}, kLong).ok());
  std::thread interrupter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ::eventfd_write(event, 1);
  });
  const auto samples = (*worker)->run(1, kLong);
  interrupter.join();
  ::close(event);
  ASSERT_FALSE(samples.ok());
  EXPECT_EQ(samples.error().message(), "interrupted");
}

}  // namespace
}  // namespace cycloid

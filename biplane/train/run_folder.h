#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/train/tensorboard.h"

namespace biplane {

// Values of one step by name, in the order they are written.
using StepValues = std::vector<std::pair<std::string, double>>;

// The files of a run besides its checkpoints: config.yaml, out.log, metrics.jsonl, TensorBoard
// events, state. Free of LibTorch.
class RunFolder {
 public:
  struct Options {
    std::filesystem::path folder;
    std::function<double()> wall_seconds;                 // since 1970
    std::function<void(const std::string& line)> on_log;  // every line of out.log, without its time
  };
  // Makes the folder and locks it against a second process until this object goes. Throws Error
  // kIo, and kUsage if another process trains in it or if files stand there that a run would write
  // over and that no run has made.
  explicit RunFolder(Options options);
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // Opens metrics.jsonl and the events to go on after `step`: lines of later steps, and one cut
  // short, are removed first.
  void start(const std::string& config_yaml, std::int64_t step);

  // One line of out.log, with the time in UTC before it; `quiet`: not for on_log.
  void log(const std::string& line, bool quiet = false);
  // RUN/state: running, checkpointed, stopped (without a checkpoint), done or failed.
  void set_state(const std::string& state);
  // One line of metrics.jsonl and the same as TensorBoard scalars. Values that are not finite
  // become null.
  void metrics(std::int64_t step, const StepValues& values);
  const std::filesystem::path& path() const { return options_.folder; }

 private:
  Options options_;
  FolderLock lock_;
  std::optional<LineAppender> log_, metrics_;
  std::optional<TensorboardWriter> events_;
};

}  // namespace biplane

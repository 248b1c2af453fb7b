#include "biplane/tasks/finetune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/share.h"
#include "biplane/corpus/exposure.h"
#include "biplane/corpus/named_manifest.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/eval/json_lines.h"
#include "biplane/eval/origin.h"
#include "biplane/inference/task_model.h"
#include "biplane/tasks/classification.h"
#include "biplane/tasks/detection.h"
#include "biplane/tasks/head_training.h"
#include "biplane/tasks/seed_mean.h"
#include "biplane/tasks/segmentation.h"
#include "biplane/train/config_keys.h"
#include "biplane/train/device.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResults = "results.jsonl";
constexpr const char* kNotes = "notes.txt";  // what a run left out, a line each

// The task of that name (checked before): where a task with another head joins.
DownstreamTask task_of(const FinetuneConfig& config) {
  if (config.task == "segmentation") return segmentation_task();
  return config.task == "detection" ? detection_task() : classification_task();
}

TaskData read_data(const FinetuneConfig& config, const FinetuneOptions& options,
                   const DownstreamTask& task) {
  TaskData data;
  data.manifest = std::make_shared<const Manifest>(Manifest::read(options.manifest, options.root));
  data.studies = choose_task_studies(*data.manifest, config.data);
  data.protocol = options.protocol;
  data.corpus = options.corpus.empty() ? corpus_of(options.manifest) : options.corpus;
  task.prepare(config, data);
  return data;
}

bool is_done(const fs::path& run) {
  return fs::exists(run / "state") && read_file(run / "state") == "done\n" &&
         fs::exists(run / "model");
}

// Throws unless a finished run did what this call would do.
void check_finished(const fs::path& run, const FinetuneConfig& config, const StartModel& start,
                    const TaskData& data) {
  const ConfigTree tree = ConfigTree::read(run / "config.yaml");
  FinetuneConfig before;
  ConfigReader reader(tree);
  before.visit(reader);  // not finished: an earlier version wrote keys that the task does not read
  check_same_config(config_keys(before), config_keys(config), run);
  const std::optional<TaskDescription> task = read_task(run / "model");
  if (!task) throw Error(ErrorKind::kBadContent, run.string() + ": model/ has no task.json");
  const auto require = [&](const std::string& there, const std::string& here, const char* what) {
    if (there == here) return;
    throw Error(ErrorKind::kUsage, run.string() + ": is done with another " + what +
                                       "; use another --out or the same one");
  };
  require(task->start.weights_sha256, start.weights_sha256, "--model");
  require(task->start.train_sha256, ordered_ids_sha256(*data.manifest, data.studies.train),
          "choice of training studies");
  require(task->start.select_sha256, ordered_ids_sha256(*data.manifest, data.studies.select),
          "choice of studies that select");
}

// Throws where a finished run was measured on other test studies than would be measured now.
void check_measured(const fs::path& run, const std::string& split_sha256) {
  bool same = false;  // evaluate may have added rows of other studies
  read_json_lines(run / kResults, [&](const nlohmann::ordered_json& line, std::int64_t) {
    same = same || line.value("split_sha256", "") == split_sha256;
  });
  if (!same)
    throw Error(ErrorKind::kUsage, run.string() +
                                       ": is done with another choice of test studies; use another "
                                       "--out or the same one");
}

// One call of finetune().
class Finetuning {
 public:
  Finetuning(const FinetuneConfig& config, const FinetuneOptions& options, const TrainHooks& hooks)
      : config_(config),
        options_(options),
        hooks_(hooks),
        start_(read_start(options.model, config)),
        task_(task_of(config)),
        data_(read_data(config, options, task_)),
        bootstrap_{.repeats = options.bootstrap} {}

  FinetuneResult run() {
    FinetuneResult result;
    result.notes = data_.studies.notes;
    const bool several = !options_.seeds.empty();
    check_kind(several);
    std::vector<SeedRows> seeds;
    for (const std::int64_t seed : several ? options_.seeds : std::vector{config_.seed}) {
      FinetuneConfig own = config_;
      own.seed = seed;
      const fs::path run = several ? options_.out / fmt::format("seed-{}", seed) : options_.out;
      refuse_folder(run);
      auto rows = is_done(run) ? finished(run, own) : trained(run, own);
      if (!rows) {
        result.outcome = TrainOutcome::kCheckpointed;
        return result;
      }
      seeds.push_back(std::move(*rows));
    }
    result.results_file = options_.out / kResults;
    result.notes.insert(result.notes.end(), notes_.begin(), notes_.end());
    if (several) {
      add_means(seeds, result);
    } else {
      result.rows = std::move(seeds.front().rows);
      for (const ResultRow& row : result.rows) result.lines.push_back(result_to_json(row, origin_));
    }
    return result;
  }

 private:
  // The run of one seed and the folder of several do not stand in one place.
  void check_kind(bool several) const {
    const auto refuse = [&](const char* what) {
      throw Error(ErrorKind::kUsage, options_.out.string() + what);
    };
    if (several && fs::exists(options_.out / "state"))
      refuse(": is the run of a single seed; use another --out for --seeds");
    if (several || !fs::is_directory(options_.out)) return;
    for (const fs::directory_entry& entry : fs::directory_iterator(options_.out)) {
      if (entry.path().filename().string().starts_with("seed-"))
        refuse(": holds the runs of several seeds; use another --out, or the same --seeds");
    }
  }

  // What stands there must not be written over: another verb's run, data, or what this one begins
  // with.
  void refuse_folder(const fs::path& run) const {
    const auto refuse = [&](const std::string& what) {
      throw Error(ErrorKind::kUsage, run.string() + ": " + what + "; use another --out");
    };
    if (!is_done(run) && fs::exists(run) && fs::equivalent(run, run_of(options_.model)))
      refuse("is the run that --model names");
    if (fs::exists(run / "checkpoints")) refuse("is a run of biplane pretrain");
    for (const char* name : {"manifest.jsonl", "SHA256SUMS"})
      if (fs::exists(run / name)) refuse(std::string("holds other files, ") + name);
  }

  // What a run left out, of each seed once.
  void add_notes(const fs::path& run) {
    if (!fs::exists(run / kNotes)) return;
    std::istringstream lines(read_file(run / kNotes));
    for (std::string line; std::getline(lines, line);)
      if (std::find(notes_.begin(), notes_.end(), line) == notes_.end()) notes_.push_back(line);
  }

  SeedRows complete(const fs::path& run, std::int64_t seed, std::vector<ResultRow> rows) {
    const Engine engine = Engine::open(run / "model", {.threads = options_.threads});
    const CorpusRelations relations = CorpusRelations::read(share_file("corpora/relations.yaml"));
    const TaskStart start = read_task(run / "model").value().start;
    const std::string exposed =
        exposure_of(relations, counted_corpus(options_.corpus, data_.manifest->path(), relations),
                    "test", start.corpora);
    for (ResultRow& row : rows) {
      row.corpus = data_.corpus;
      row.split = "test";
      say_training(start, exposed, row);
    }
    origin_ = model_origin(engine, run, *data_.manifest, data_.studies.test);
    origin_.code = options_.code;
    return {seed, origin_.weights_sha256, std::move(rows)};
  }

  std::optional<SeedRows> finished(const fs::path& run, const FinetuneConfig& config) {
    check_finished(run, config, start_, data_);
    hooks_.log(run.string() + ": is done");
    add_notes(run);
    SeedRows rows = complete(run, config.seed, task_.reread(run, bootstrap_, options_.threads));
    check_measured(run, origin_.split_sha256);
    return rows;
  }

  // Nothing where it was stopped.
  std::optional<SeedRows> trained(const fs::path& run, const FinetuneConfig& config) {
    RunFolder folder({run, hooks_.wall_seconds, hooks_.log});
    folder.start(print_config(config), 0);
    std::vector<std::string> left_out;
    std::int64_t broken_test = 0;
    SeedRows rows;
    const SeedJob job{config,           start_,           data_,    folder,     hooks_,
                      options_.threads, options_.max_bad, left_out, broken_test};
    folder.log(fmt::format("{}: {} studies to train on, {} select, {} test", config.task,
                           data_.studies.train.size(), data_.studies.select.size(),
                           data_.studies.test.size()));
    for (const std::vector<std::string>& notes : {start_.notes, data_.studies.notes})
      for (const std::string& note : notes) folder.log(note);
    try {
      if (!task_.train(job)) {
        folder.log("stopped on request; the same command does this seed again");
        folder.set_state("stopped");
        return std::nullopt;
      }
      rows = complete(run, config.seed, task_.measure(job, bootstrap_));
      // Missing ones: a run that was killed behind some of them makes them again.
      std::vector<std::string> lines;
      for (const ResultRow& row : rows.rows) lines.push_back(result_to_json(row, origin_));
      append_missing_lines(run / kResults, lines);
      if (!left_out.empty())
        write_file_atomically(run / kNotes, fmt::format("{}\n", fmt::join(left_out, "\n")));
      folder.set_state("done");
    } catch (const std::exception& error) {
      try {
        folder.log(std::string("failed: ") + error.what(), /*quiet=*/true);
        folder.set_state("failed");
      } catch (const Error&) {  // a full disk: the first error says more
      }
      throw;
    }
    add_notes(run);
    refuse_broken_test(run, broken_test);
    return rows;
  }

  // Now that nothing is lost.
  void refuse_broken_test(const fs::path& run, std::int64_t broken) const {
    const std::int64_t studies = std::ssize(data_.studies.test);
    if (!is_too_many(broken, studies, options_.max_bad)) return;
    throw Error(ErrorKind::kBadContent,
                run.string() + ": " + too_many_text("test", broken, studies, options_.max_bad) +
                    "; its figures are of the others");
  }

  void add_means(const std::vector<SeedRows>& seeds, FinetuneResult& result) {
    result.rows = seed_means(seeds);
    origin_.run = fs::weakly_canonical(options_.out).filename().string();
    for (const ResultRow& row : result.rows)
      result.lines.push_back(seed_mean_to_json(row, origin_, seeds));
    append_missing_lines(result.results_file, result.lines);
  }

  FinetuneConfig config_;
  const FinetuneOptions& options_;
  const TrainHooks& hooks_;
  StartModel start_;
  DownstreamTask task_;
  TaskData data_;
  BootstrapOptions bootstrap_;
  ResultOrigin origin_;             // of the seed at hand
  std::vector<std::string> notes_;  // of all seeds
};

// After all that can be checked was.
Finetuning start_finetuning(const FinetuneConfig& config, const FinetuneOptions& options,
                            const TrainHooks& hooks) {
  check_finetune_config(config);
  check_repeats(options.bootstrap);
  check_seeds(options.seeds);
  training_device(config.train.device);  // before any data is read
  return {config, options, hooks};
}

}  // namespace

void check_seeds(const std::vector<std::int64_t>& seeds) {
  const std::set<std::int64_t> once(seeds.begin(), seeds.end());
  if (once.size() != seeds.size() || (!once.empty() && *once.begin() < 0))
    throw Error(ErrorKind::kUsage, "--seeds: each must be 0 or more and stand there once");
}

void check_finetune(const FinetuneConfig& config, const FinetuneOptions& options) {
  start_finetuning(config, options, {});
}

FinetuneResult finetune(const FinetuneConfig& config, const FinetuneOptions& options,
                        const TrainHooks& hooks) {
  return start_finetuning(config, options, hooks).run();
}

}  // namespace biplane

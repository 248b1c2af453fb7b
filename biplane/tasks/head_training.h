#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "biplane/data/dataset.h"
#include "biplane/data/sample_batch.h"
#include "biplane/data/sampler.h"
#include "biplane/inference/task_model.h"
#include "biplane/tasks/downstream_task.h"
#include "biplane/tasks/fit.h"

namespace biplane {

// What the trainings of all kinds of heads have in common.

// `studies` (indices into the manifest) of a task as images of `image`, the views that evaluation
// shows; `training`: in the way of augment.*.
std::unique_ptr<StudyDataset> task_dataset(const SeedJob& job,
                                           const std::vector<std::int64_t>& studies,
                                           const PreprocessOptions& image, bool training);

// The studies that are trained on and those that select.
std::vector<std::int64_t> learning_studies(const SeedJob& job);

// Shuffled batches of train.batch studies, or of all where there are fewer.
BatchSampler task_sampler(std::int64_t studies, const FinetuneConfig& config);

// A training with the parameters of the head, the recording and the request to stop of the job.
FitJob head_fit_job(const SeedJob& job, const torch::nn::Module& head);

// Adds those parameters of the model that `is_read` names, with the rates of their depths.
void add_encoder_parameters(const FitConfig& config, const MultiviewModel& model,
                            const std::function<bool(const std::string& name)>& is_read,
                            std::vector<OptimizedParameter>& parameters);

std::vector<torch::Tensor> values_of(const std::vector<OptimizedParameter>& parameters);

// A description of the task with what it started from; the section of its head is the caller's.
TaskDescription task_description(const SeedJob& job);

// Writes RUN/model: the start's description, its images of `image`.
void save_task_model(const SeedJob& job, const TaskDescription& task,
                     const PreprocessOptions& image, const MultiviewModel& model,
                     const torch::nn::Module& head);

// A line of the log about studies that could not be read, if there are any.
void log_broken(const SeedJob& job, const char* what, const std::vector<BrokenStudy>& broken);

// One line of the log of a finished training.
std::string fit_summary(const FitResult& result);

}  // namespace biplane

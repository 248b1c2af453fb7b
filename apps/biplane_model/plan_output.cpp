#include "apps/biplane_model/plan_output.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::int64_t whole(double bytes) { return std::llround(bytes); }

// The lines of a memory estimate, in the order they are printed.
std::vector<std::pair<const char*, double>> memory_lines(const PlanMemory& memory) {
  return {{"parameters", memory.parameters},
          {"moments", memory.moments},
          {"average", memory.average},
          {"queues", memory.queues},
          {"gradients", memory.gradients},
          {"activations", memory.activations},
          {"step", memory.step},
          {"data", memory.data},
          {"program", memory.program},
          {"total", memory.total()}};
}

const char* meaning(const std::string& line) {
  if (line == "moments") return "of AdamW";
  if (line == "average") return "of the weights (train.ema)";
  if (line == "gradients") return "of all threads";
  if (line == "activations") return "of a micro-batch";
  if (line == "step") return "the most of these two at a time";
  if (line == "data") return "at most: cache and batches made ahead";
  return line == "total" ? "without 'gradients' and 'activations', which 'step' holds" : "";
}

void add_parts(std::string& text, const PretrainPlan& plan) {
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{:<20}{:>14}{:>14}{:>14}  {}\n", "part", "parameters", "trained", "frozen",
                 "starts from");
  PlanPart sum;
  for (const PlanPart& part : plan.parts) {
    fmt::format_to(out, "{:<20}{:>14}{:>14}{:>14}  {}\n", part.name, part.parameters, part.trained,
                   part.parameters - part.trained, part.start);
    sum.parameters += part.parameters;
    sum.trained += part.trained;
  }
  fmt::format_to(out, "{:<20}{:>14}{:>14}{:>14}\n", "all", sum.parameters, sum.trained,
                 sum.parameters - sum.trained);
}

void add_memory(std::string& text, const PretrainPlan& plan) {
  auto out = std::back_inserter(text);
  fmt::format_to(out, "\n{:<20}", "memory, MiB");
  for (const PlanMemory& memory : plan.memory)
    fmt::format_to(out, "{:>14}", fmt::format("at {} px", memory.image_size));
  text += '\n';
  for (std::size_t line = 0; line < memory_lines(plan.memory.front()).size(); ++line) {
    const std::string name = memory_lines(plan.memory.front())[line].first;
    fmt::format_to(out, "{:<20}", name);
    for (const PlanMemory& memory : plan.memory)
      fmt::format_to(out, "{:>14.0f}", memory_lines(memory)[line].second / (1 << 20));
    const std::string note = meaning(name);
    text += note.empty() ? "\n" : "  " + note + "\n";
  }
}

void add_steps(std::string& text, const PretrainPlan& plan) {
  auto out = std::back_inserter(text);
  text += '\n';
  if (plan.studies)
    fmt::format_to(out, "studies             {}, {} steps an epoch\n", *plan.studies,
                   *plan.batches_per_epoch);
  if (plan.steps) {
    fmt::format_to(out, "steps               {}", *plan.steps);
    if (plan.batches_per_epoch)
      fmt::format_to(
          out, " = {:.4g} epochs",
          static_cast<double>(*plan.steps) / static_cast<double>(*plan.batches_per_epoch));
    fmt::format_to(out, ", {} of them warm-up", *plan.warmup);
    if (*plan.late > 0)
      fmt::format_to(out, ", the last {} at {} px", *plan.late, plan.memory.back().image_size);
    text += '\n';
  }
  fmt::format_to(out,
                 "device              {}\nthreads             {}\n"
                 "reports             {:.1f} tokens of {}\n",
                 plan.device, plan.threads, plan.tokens, plan.vocabulary);
}

void add_lines(std::string& text, const std::string& head, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  text += "\n" + head + "\n";
  for (const std::string& line : lines) text += "  " + line + "\n";
}

}  // namespace

std::string plan_text(const PretrainPlan& plan) {
  std::string text;
  auto out = std::back_inserter(text);
  add_parts(text, plan);
  add_memory(text, plan);
  add_steps(text, plan);
  fmt::format_to(out, "\n{:<28}{:>12}{:>14}{:>14}\n", "learning rates", "highest", "weight decay",
                 "parameters");
  for (const PlanGroup& group : plan.groups)
    fmt::format_to(out, "{:<28}{:>12}{:>14}{:>14}\n", group.name, group.lr, group.weight_decay,
                   group.parameters);
  fmt::format_to(out, "\n{:<20}{:>12}\n", "losses", "weight");
  for (const PlanTerm& term : plan.terms)
    fmt::format_to(out, "{:<20}{:>12}\n", term.name,
                   term.weight > 0 ? fmt::format("{}", term.weight) : "off");
  add_lines(text, "not trained", plan.not_trained);
  add_lines(text, "notes", plan.notes);
  return text;
}

std::string plan_json(const PretrainPlan& plan) {
  Json json;
  for (const PlanPart& part : plan.parts)
    json["parts"].push_back({{"name", part.name},
                             {"parameters", part.parameters},
                             {"trained", part.trained},
                             {"start", part.start}});
  for (const PlanMemory& memory : plan.memory) {
    Json line = {{"image_size", memory.image_size}};
    for (const auto& [name, bytes] : memory_lines(memory)) line[name] = whole(bytes);
    json["memory"].push_back(line);
  }
  json["device"] = plan.device;
  json["threads"] = plan.threads;
  json["vocabulary"] = plan.vocabulary;
  json["tokens"] = plan.tokens;
  json["studies"] = or_null(plan.studies);
  json["batches_per_epoch"] = or_null(plan.batches_per_epoch);
  json["steps"] = or_null(plan.steps);
  json["warmup"] = or_null(plan.warmup);
  json["late"] = or_null(plan.late);
  for (const PlanGroup& group : plan.groups)
    json["groups"].push_back({{"name", group.name},
                              {"lr", group.lr},
                              {"weight_decay", group.weight_decay},
                              {"parameters", group.parameters}});
  for (const PlanTerm& term : plan.terms) json["losses"][term.name] = term.weight;
  json["not_trained"] = plan.not_trained;
  json["notes"] = plan.notes;
  return json.dump() + "\n";
}

}  // namespace biplane

#include "biplane/phantom/scene.h"

#include "biplane/phantom/chest.h"

namespace biplane {
namespace {

void scale(Solid& solid, double s) {
  solid.centre = s * solid.centre;
  for (double& m : solid.form) m /= s * s;
  for (Vec3& axis : solid.half_axes) axis = s * axis;
  for (Plane& plane : solid.planes) plane.offset *= s;
  solid.thin_radius *= s;
}

void scale(std::vector<Solid>& solids, double s) {
  for (Solid& solid : solids) scale(solid, s);
}

void scale(std::vector<Deposit>& deposits, double s) {
  for (Deposit& deposit : deposits) scale(deposit.solid, s);
}

}  // namespace

Scene build_scene(const Patient& patient, const Acquisition& acquisition,
                  const std::vector<Finding>& findings, Pose pose) {
  const Chest chest = measure_chest(patient, acquisition, findings);
  Scene scene;
  add_body(patient, chest, pose, scene);
  add_airways(acquisition, chest, scene);
  add_skeleton(patient, chest, pose, find_finding(findings, FindingKind::kRibFracture), scene);
  add_spine(patient, chest, find_finding(findings, FindingKind::kVertebralFracture), scene);
  add_lungs(patient, chest, scene);
  add_vessels(patient, chest, findings, scene);
  add_findings(chest, findings, scene);
  add_devices(chest, findings, scene);
  add_surgery(patient, chest, scene);
  scene.texture = patient.vessels + (pose == Pose::kLateral ? 2 : 1);
  scale(scene.body, patient.stature);
  for (auto& layer : scene.layers) scale(layer, patient.stature);
  for (Lung& lung : scene.lungs) {
    scale(lung.cavity, patient.stature);
    scale(lung.tissue, patient.stature);
    for (auto& organ : lung.organs) scale(organ, patient.stature);
    scale(lung.lifts, patient.stature);
  }
  return scene;
}

}  // namespace biplane

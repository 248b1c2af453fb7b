#include "biplane/phantom/radiograph_file.h"

#include "biplane/core/random.h"
#include "biplane/imaging/dicom_write.h"
#include "biplane/imaging/encode.h"
#include "biplane/phantom/layouts/layout.h"

namespace biplane {
namespace {

constexpr int kJpegQuality = 95;

DigitalXray describe_view(const PhantomOptions& options, const PhantomStudy& made,
                          std::size_t index) {
  const Layout& layout = find_layout(options.layout);
  const Study& study = made.study;
  const View& view = study.views[index];
  const PhantomImage& image = made.images[index];
  const bool lateral = view.view == ViewPosition::kLateral;
  DigitalXray xray;
  xray.shown = image.shown;
  xray.bits_stored = layout.bits;
  CounterRandom random(static_cast<std::uint64_t>(options.seed), "phantom/polarity",
                       {stable_hash(study.study_id)});
  xray.monochrome1 = random.bernoulli(layout.monochrome1);
  xray.view = lateral ? "LL" : view_name(view.view);
  // The rows of a frontal lead to the patient's left; those of a lateral to the back or the front.
  xray.patient_orientation = std::string(!lateral ? "L" : image.faces_right ? "A" : "P") + "\\F";
  xray.imager_spacing = image.spacing;
  xray.magnification = image.magnification;
  xray.source_distance = image.source_distance;
  xray.study_uid = text_uid(study.study_id);
  xray.series_uid = text_uid(study.study_id + "/series");
  xray.instance_uid = instance_uid(study.study_id, index);
  xray.instance_number = static_cast<int>(index) + 1;
  xray.patient_id = study.patient_id;
  xray.sex = study.sex;
  xray.age = static_cast<int>(study.age.value_or(-1));
  return xray;
}

}  // namespace

std::string instance_uid(const std::string& study_id, std::size_t view) {
  return text_uid(study_id + "/image/" + std::to_string(view));
}

std::string encode_view(const PhantomOptions& options, const PhantomStudy& made, std::size_t view) {
  const std::string format = phantom_format(options);
  if (format == "dicom") return encode_dicom(describe_view(options, made, view));
  const GreyImage& image = made.images[view].grey;
  return format == "png" ? encode_png(image) : encode_jpeg(image, kJpegQuality);
}

}  // namespace biplane

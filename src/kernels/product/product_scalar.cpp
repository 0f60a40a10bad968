#include "kernels/product/product_body.h"

namespace cycloid::kernels {

const ProductBodies product_bodies_scalar = {kProductTiles, kVectorBytes, kTileRows};

}  // namespace cycloid::kernels

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A rectangle turned by `angle` (radians, clockwise on a screen) around its centre. */
export interface TurnedRect {
  readonly centre: Point;
  /** Along `angle`. */
  readonly width: number;
  readonly height: number;
  readonly angle: number;
}

const cross = (o: Point, a: Point, b: Point) => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);

/** Andrew's monotone chain. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const half = (from: readonly Point[]): Point[] => {
    const chain: Point[] = [];
    for (const point of from) {
      while (chain.length > 1 && cross(chain.at(-2)!, chain.at(-1)!, point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.toReversed())];
}

/** The smallest rectangle around a convex shape, turned by at most 45 degrees; one side lies on an edge of the shape. */
export function smallestRect(hull: readonly Point[]): TurnedRect | undefined {
  let best: TurnedRect | undefined;
  for (const [i, from] of hull.entries()) {
    const to = hull[(i + 1) % hull.length]!;
    const rect = rectAlong(hull, Math.atan2(to.y - from.y, to.x - from.x));
    if (best === undefined || rect.width * rect.height < best.width * best.height) best = rect;
  }
  if (best === undefined) return undefined;
  const quarters = Math.round(best.angle / (Math.PI / 2));
  const angle = best.angle - (quarters * Math.PI) / 2;
  return quarters % 2 === 0 ? { ...best, angle } : { ...best, angle, width: best.height, height: best.width };
}

function rectAlong(hull: readonly Point[], angle: number): TurnedRect {
  const turned = hull.map((point) => turn(point, -angle));
  const xs = turned.map(({ x }) => x);
  const ys = turned.map(({ y }) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const centre = turn({ x: (left + right) / 2, y: (top + bottom) / 2 }, angle);
  return { centre, width: right - left, height: bottom - top, angle };
}

/** Around the origin. */
export function turn({ x, y }: Point, angle: number): Point {
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  return { x: x * cos - y * sin, y: x * sin + y * cos };
}

/** The upright rectangle around a turned one. */
export function boundsOf({ centre, width, height, angle }: TurnedRect) {
  const w = Math.abs(width * Math.cos(angle)) + Math.abs(height * Math.sin(angle));
  const h = Math.abs(width * Math.sin(angle)) + Math.abs(height * Math.cos(angle));
  return { left: centre.x - w / 2, top: centre.y - h / 2, width: w, height: h };
}

# args: --target mid
FROM busybox AS base
RUN echo base > /base
FROM base AS mid
RUN echo mid > /mid
FROM mid
RUN echo last > /last
